"""Fits a model's bag of words, and weighs it against the LSTM by the validation split.

Both give logits. Their sum with weights is a stacked generalization (Wolpert 1992): the
weights minimize the loss on texts that neither has learnt from.
"""

import warnings

import keras
import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from apps.common.data.splits import random_rows
from apps.sentiment.bag_of_words import FIRST_ID

MAX_TEXTS = 100_000  # that it learns from
REGULARIZATION = (1.0, 10.0)  # values of C that are tried
ITERATIONS = 200
RARE = 100  # texts of a label that are never left out
WEIGHTS = (0.05, 3.0)  # least and largest of logits: neither silences the other
EXPECTED_WEIGHT = 0.5  # counts as much as one text of the validation split


def add_bag_of_words(model, train, validation):
    """Fits and weighs the layer `bag_of_words` of a trained model; prints a line.

    The layer's weights are fitted to the training split, and with the best of
    `REGULARIZATION` again to both splits. The weights of the LSTM's logits and of the
    layer's are multiplied into their parameters.

    Args:
        model: Model of `build_model` with `bag_of_words=True`.
        train: Columns of the training split, as `encode` returns them.
        validation: Batches of the validation split.

    Returns:
        The accuracy on the validation split of LSTM, bag of words and both, before the
        bag is fitted to that split.
    """
    layer, dense = model.get_layer("bag_of_words"), model.get_layer("logits")
    classes, size = layer.num_classes, layer.vocabulary_size
    lstm, token_ids, labels = _lstm_logits(model, validation)
    rows = rows_of(train["labels"])
    counts = token_counts((train["token_ids"][row] for row in rows), size)
    held_out = token_counts(token_ids, size)
    tried = []
    for c in REGULARIZATION:
        frequencies, coefficients, bias = fitted(
            counts, train["labels"][rows], classes, c
        )
        words = features(held_out, frequencies) @ coefficients + bias
        tried.append((*weights_of(lstm, words, labels), c, words))
    _, weights, c, words = min(tried, key=lambda one: one[0])
    accuracies = [
        (logits.argmax(axis=-1) == labels).mean()
        for logits in (lstm, words, weights[0] * lstm + weights[1] * words)
    ]
    print(
        "Validation accuracy: LSTM {:.4f}, bag of words {:.4f}, both {:.4f}".format(
            *accuracies
        )
        + f" with the weights {weights[0]:.2f} and {weights[1]:.2f}."
    )
    both = sparse.vstack([counts, held_out])
    targets = np.concatenate([train["labels"][rows], labels])
    frequencies, coefficients, bias = fitted(both, targets, classes, c)
    layer.assign(frequencies, weights[1] * coefficients, weights[1] * bias)
    for variable in (dense.kernel, dense.bias):
        variable.assign(weights[0] * variable)
    names = ("lstm", "bag_of_words", "both")
    return dict(zip(names, map(float, accuracies), strict=True))


def rows_of(labels):
    """Returns the rows to learn from: a sample, and all those of rare labels.

    Args:
        labels: Label ids of the training split, `(texts,)`.
    """
    rare = np.flatnonzero(np.bincount(labels)[labels] <= RARE)
    return np.union1d(random_rows(len(labels), MAX_TEXTS), rare)


def _lstm_logits(model, batches):
    """Returns logits of the model without its bag, token ids and labels, by text."""
    reader = keras.Model(model.input, model.get_layer("logits").output)
    logits, token_ids, labels = [], [], []
    for batch in batches.in_order():
        texts = batch["token_ids"].numpy()
        is_text = texts[:, 0] != 0
        logits.append(reader(texts, training=False).numpy()[is_text])
        token_ids += list(texts[is_text])
        labels.append(batch["labels"].numpy()[is_text])
    return np.concatenate(logits), token_ids, np.concatenate(labels)


def token_counts(texts, size):
    """Returns how often each text has each token, a sparse matrix `(texts, size)`.

    Args:
        texts: An iterable of arrays of token ids; those below `FIRST_ID` and from
            `size` on are skipped.
        size: Number of columns.
    """
    texts = [text[(text >= FIRST_ID) & (text < size)] for text in texts]
    ends = np.cumsum([0, *map(len, texts)])
    columns = np.concatenate([*texts, np.zeros(0, "int32")])
    counts = sparse.csr_matrix(
        (np.ones(len(columns)), columns, ends), (len(texts), size)
    )
    counts.sum_duplicates()
    return counts


def features(counts, frequencies):
    """Returns the features of texts, as `BagOfWords` defines them.

    Args:
        counts: What `token_counts` returns.
        frequencies: Inverse document frequency of each token, `(size,)`.
    """
    squares = np.maximum(counts @ frequencies**2, 1e-9)
    return sparse.diags(squares**-0.5) @ counts @ sparse.diags(frequencies)


def fitted(counts, labels, num_classes, c):
    """Fits a logistic regression.

    Args:
        counts: What `token_counts` returns.
        labels: Label ids, `(texts,)`.
        num_classes: Number of labels.
        c: Inverse of the regularization's strength.

    Returns:
        Inverse document frequencies `(size,)`, coefficients `(size, num_classes)` and
        bias `(num_classes,)`. A label that no text has gets the logit -20.
    """
    documents = np.bincount(counts.indices, minlength=counts.shape[1])
    frequencies = np.log((1 + counts.shape[0]) / (1 + documents)) + 1
    model = LogisticRegression(C=c, max_iter=ITERATIONS)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features(counts, frequencies), labels)
    weights, intercept = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # one column for the logit of the second
        weights = np.concatenate([-weights / 2, weights / 2])
        intercept = np.concatenate([-intercept / 2, intercept / 2])
    coefficients = np.zeros((counts.shape[1], num_classes))
    bias = np.full(num_classes, -20.0)
    coefficients[:, model.classes_], bias[model.classes_] = weights.T, intercept
    return frequencies, coefficients, bias


def weights_of(first, second, labels):
    """Returns the least loss of a weighted sum of two logits, and both weights.

    A penalty draws the weights to `EXPECTED_WEIGHT`. It decides where there are few
    texts, and vanishes with many.

    Args:
        first: Logits `(texts, num_classes)`.
        second: Logits of the same shape.
        labels: Label ids, `(texts,)`.
    """
    rows = np.arange(len(labels))

    def loss(weights):
        logits = weights[0] * first + weights[1] * second
        penalty = np.square(weights - EXPECTED_WEIGHT).sum()
        return (penalty - log_softmax(logits, axis=-1)[rows, labels].sum()) / len(rows)

    start = [EXPECTED_WEIGHT] * 2
    found = minimize(loss, start, bounds=[WEIGHTS] * 2, method="L-BFGS-B")
    return found.fun, found.x
