"""A simple baseline: logistic regression on the TF-IDF of a text's tokens."""

import itertools

import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer

from apps.common.data.splits import random_rows
from apps.common.data.text import batches_of_texts, tokenize
from apps.common.metrics.baseline import fitted_probabilities
from apps.common.metrics.classification import measure
from apps.sentiment.data import load_data

NAME = "TF-IDF, logistic regression"
MAX_TEXTS = 100_000  # training texts that it learns from


def measure_baseline(config, test, labels, vocabulary):
    """Fits the baseline to the training split; measures it on the other splits.

    It counts the tokens that the model reads, without their order. The settings are
    scikit-learn's defaults. Of more than `MAX_TEXTS` training texts it takes that many
    at random.

    Args:
        config: A `DataConfig`.
        test: `Examples` of the test split.
        labels: Names of the labels.
        vocabulary: The model's `Vocabulary`, so that no other is counted.

    Returns:
        A dictionary: name; accuracy, f1 and roc_auc on the test split; and
        validation_accuracy.
    """
    data = load_data(config, ("train", "validation"), labels, vocabulary)
    train, validation = data.train, data.validation
    rows = random_rows(len(train.texts), MAX_TEXTS)
    vectorizer = TfidfVectorizer(analyzer=list)  # the tokens are the features
    rules = vocabulary.rules
    x = vectorizer.fit_transform(_tokens((train.texts[row] for row in rows), rules))
    texts = itertools.chain(test.texts, validation.texts)
    y = vectorizer.transform(_tokens(texts, rules))
    probabilities = fitted_probabilities(x, train.labels[rows], y, len(labels))
    metrics = measure(test.labels, probabilities[: len(test.labels)], labels)
    predicted = probabilities[len(test.labels) :].argmax(axis=-1)
    return {
        "name": f"{NAME} on {len(rows):,} texts",
        **{metric: metrics[metric] for metric in ("accuracy", "f1", "roc_auc")},
        "validation_accuracy": float((predicted == validation.labels).mean()),
    }


def _tokens(texts, rules):
    """Yields the tokens of each text, a list."""
    for batch in batches_of_texts(texts, 1024):
        yield from tokenize(tf.constant(batch), rules).to_list()
