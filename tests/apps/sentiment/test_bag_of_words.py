"""The bag of words: its features, its fit, its weight beside the LSTM."""

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from apps.common.export.onnx.writer import onnx_model
from apps.sentiment.bag_of_words import BagOfWords
from apps.sentiment.data import batches_of
from apps.sentiment.linear import (
    RARE,
    WEIGHTS,
    add_bag_of_words,
    features,
    fitted,
    rows_of,
    token_counts,
    weights_of,
)
from apps.sentiment.model import build_model
from apps.sentiment.predict import TOKEN_IDS
from tests.apps.sentiment.test_model import SETTINGS

SIZE, CLASSES = 20, 3
RNG = np.random.default_rng(8)


def texts(count, length=7):
    """Texts of token ids, of which 1 is unknown and 20 to 29 have no weights."""
    sizes = RNG.integers(1, length + 1, count)
    return [RNG.integers(1, 30, size).astype("int32") for size in sizes]


def by_hand(text, frequencies):
    """Returns the features of a text, as the class's docstring defines them."""
    counts = np.bincount(text, minlength=30)[:SIZE]
    counts[:2] = 0
    squares = (counts * frequencies**2).sum()
    return counts * frequencies / np.sqrt(squares or 1)


def test_the_features_are_as_the_docstring_says():
    some, frequencies = texts(9), RNG.uniform(1, 4, SIZE)
    found = features(token_counts(some, SIZE), frequencies).toarray()
    expected = [by_hand(text, frequencies) for text in some]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_layer_gives_the_logits_of_the_linear_model():
    layer, some = BagOfWords(SIZE, CLASSES), [*texts(6), np.array([1, 25])]
    batch = np.zeros((7, 9), "int32")
    for row, text in zip(batch, some, strict=True):
        row[: len(text)] = text
    np.testing.assert_array_equal(layer(batch), np.zeros((7, CLASSES)))
    frequencies, bias = RNG.uniform(1, 4, SIZE), RNG.normal(size=CLASSES)
    coefficients = RNG.normal(size=(SIZE, CLASSES))
    layer.assign(frequencies, coefficients, bias)
    expected = [by_hand(text, frequencies) @ coefficients + bias for text in some]
    np.testing.assert_allclose(layer(batch), expected, rtol=1e-4, atol=1e-5)
    assert layer.trainable_weights == []


@pytest.mark.parametrize("labels", [[0, 1], [0, 2], [0, 1, 2]])
def test_the_fit_gives_the_probabilities_of_the_logistic_regression(labels):
    some, targets = texts(40), np.resize(labels, 40)
    counts = token_counts(some, SIZE)
    frequencies, coefficients, bias = fitted(counts, targets, CLASSES, 10.0)
    documents = (counts.toarray() > 0).sum(axis=0)
    np.testing.assert_allclose(frequencies, np.log(41 / (1 + documents)) + 1)
    x = features(counts, frequencies)
    probabilities = np.array(keras.ops.softmax(x @ coefficients + bias))
    model = LogisticRegression(C=10.0, max_iter=200).fit(x, targets)
    np.testing.assert_allclose(
        probabilities[:, labels], model.predict_proba(x), atol=1e-5
    )


def test_of_two_logits_the_one_that_knows_the_labels_gets_the_weight():
    labels = np.resize([0, 1, 2], 60)
    right = np.eye(3)[np.where(RNG.random(60) < 0.8, labels, (labels + 1) % 3)]
    noise = RNG.normal(size=(60, 3))
    _, (first, second) = weights_of(noise, right, labels)
    assert first < 0.3
    assert second > 1


def test_no_weight_becomes_0_where_both_logits_mislead():
    labels = np.resize([0, 1], 200)
    wrong = 5 * np.eye(2)[1 - labels]
    assert weights_of(wrong, wrong, labels)[1].tolist() == [WEIGHTS[0]] * 2


def test_few_texts_say_little_about_the_weights():
    labels = np.array([0, 1])
    right, unknown = 9 * np.eye(2), np.zeros((2, 2))
    _, (first, second) = weights_of(right, unknown, labels)
    assert 0.5 < first < 1
    assert second == pytest.approx(0.5)


def test_a_sample_of_many_texts_keeps_those_of_rare_labels(monkeypatch):
    monkeypatch.setattr("apps.sentiment.linear.MAX_TEXTS", 500)
    labels = np.zeros(5_000, "int32")
    labels[[7, 2_345, 4_999]] = 2
    labels[1_000 : 1_000 + RARE + 1] = 1
    rows = rows_of(labels)
    assert {7, 2_345, 4_999} <= set(rows)
    assert 500 <= len(rows) <= 503
    np.testing.assert_array_equal(rows_of(labels[:400]), np.arange(400))


@pytest.fixture
def trained():
    """A model with a bag of words, and columns whose labels one token says."""
    keras.utils.set_random_seed(5)
    model = build_model(
        30, CLASSES, **{**SETTINGS, "pooling": "max", "bag_of_words": True}
    )
    columns = []
    for count in (90, 30):
        some, labels = texts(count), np.arange(count) % CLASSES
        ids = [
            np.append(text, 2 + label).astype("int32")
            for text, label in zip(some, labels, strict=True)
        ]
        columns.append({"token_ids": ids, "labels": labels.astype("int32")})
    return model, *columns


def test_a_model_is_what_its_lstm_is_until_the_bag_is_added(trained, capsys):
    model, train, validation = trained
    batches = batches_of(validation, 8, 16)
    lstm = keras.Model(model.input, model.get_layer("logits").output)
    batch = next(iter(batches.in_order()))["token_ids"].numpy()
    before = np.array(lstm(batch))
    np.testing.assert_array_equal(model(batch), before)
    accuracies = add_bag_of_words(model, train, batches)
    printed = capsys.readouterr().out
    first, second = (float(w.rstrip(".\n")) for w in printed.split()[-3::2])
    np.testing.assert_allclose(lstm(batch), first * before, atol=0.01)
    assert WEIGHTS[0] - 0.01 <= first <= WEIGHTS[1]
    assert 0.1 < second <= WEIGHTS[1]
    named = zip(("LSTM", "bag of words", "both"), accuracies.values(), strict=True)
    words = ", ".join(f"{name} {value:.4f}" for name, value in named)
    assert printed.startswith(f"Validation accuracy: {words} with")
    right = [
        np.argmax(model(text[np.newaxis]), axis=-1)[0] == label
        for text, label in zip(
            validation["token_ids"], validation["labels"], strict=True
        )
    ]
    assert np.mean(right) > 0.9


def test_onnx_computes_the_bag_as_the_model_does(trained):
    model, train, validation = trained
    add_bag_of_words(model, train, batches_of(validation, 8, 16))

    @tf.function(autograph=False, input_signature=TOKEN_IDS)
    def sentiment(token_ids):
        return {"logits": model(token_ids, training=False)}

    session = onnxruntime.InferenceSession(
        onnx_model(sentiment, "graph").SerializeToString()
    )
    batch = np.array([[5, 29, 1, 2, 5], [7, 8, 0, 0, 0]], "int32")
    feed = {"token_ids": batch, "record": np.array(False)}
    (logits,) = session.run(["logits"], feed)
    np.testing.assert_allclose(logits, model(batch), atol=1e-5)
