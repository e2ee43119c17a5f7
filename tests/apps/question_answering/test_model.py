"""The two readers: their equations, padding, neighbours, and saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.question_answering.layers import Links
from apps.question_answering.model import build_model

SETTINGS = {
    "vocabulary_size": 12,
    "trained_tokens": 12,
    "embedding_dim": 5,
    "embedding_dropout": 0.0,
    "units": 4,
    "num_layers": 2,
    "dropout": 0.0,
    "hops": 2,
}
RNG = np.random.default_rng(9)
QUESTION = np.array([[3, 4, 5], [6, 7, 0]], "int32")
STORY = RNG.integers(2, 12, (2, 4, 3)).astype("int32")
STORY[0, 1, 2] = STORY[1, 2:] = 0
PASSAGE = RNG.integers(2, 12, (2, 6)).astype("int32")
PASSAGE[1, 4:] = 0


def make(num_classes):
    model = build_model(**SETTINGS, num_classes=num_classes)
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(0, 0.6, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def stories():
    return make(7)


@pytest.fixture(scope="module")
def passages():
    return make(0)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def test_the_hops_do_what_their_equations_say(stories):
    finder = stories.get_layer("facts")
    m, q = RNG.normal(size=(1, 3, 8)), RNG.normal(size=(1, 4))
    here = np.array([[True, True, False]])
    q_final, attention = finder(
        [tf.constant(m, "float32"), tf.constant(q, "float32")], here
    )
    (w_m, b), (w_q,), (v,) = (
        [w.numpy() for w in layer.weights]
        for layer in (finder.keys, finder.query, finder.score)
    )
    c = np.zeros((1, 4))
    for hop in range(2):
        scores = np.tanh(m[0] @ w_m + b + q[0] @ w_q) @ v[:, 0]
        weights = softmax(np.where(here[0], scores, -1e9))
        np.testing.assert_allclose(attention[0, hop], weights, atol=1e-5)
        a = (weights @ m[0])[np.newaxis].astype("float32")
        _, (h, c) = finder.cell(a, [q.astype("float32"), c.astype("float32")])
        q, c = h.numpy(), c.numpy()
    np.testing.assert_allclose(q_final, q, atol=1e-5)


@pytest.mark.parametrize("earlier", [True, False])
def test_links_do_what_their_equations_say(earlier):
    layer = Links(earlier)
    x, e = RNG.normal(size=(1, 4, 3)), RNG.normal(size=(1, 4, 2, 5))
    token_ids = np.array([[[2, 3], [4, 0], [5, 6], [0, 0]]])
    inputs = [tf.constant(x, "float32"), tf.constant(e, "float32"), token_ids]
    layer.build([t.shape for t in inputs])
    rng = np.random.default_rng(5)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    v, b = (w.numpy() for w in layer.salience.weights)
    u, g, d = layer.worth.kernel.numpy(), float(layer.sharpness), float(layer.decay)
    directions = e[0] / np.linalg.norm(e[0], axis=-1, keepdims=True)
    salience = 1 / (1 + np.exp(-(e[0] @ v + b))) * (token_ids[0] > 0)[..., None]
    k = (salience * directions).sum(axis=1)
    expected = np.zeros((4, 3))
    for j in range(4):
        attended = [t for t in range(3) if (t < j if earlier else t != j)]
        near = [-d * abs(j - t) if earlier else d * t for t in attended]
        scores = [
            g * k[j] @ k[t] + (x[0, t] @ u)[0] + n
            for t, n in zip(attended, near, strict=True)
        ]
        weights = softmax(np.array([0.0, *scores]))[1:]
        expected[j] = weights @ x[0, attended]
    np.testing.assert_allclose(layer(inputs)[0], expected, atol=1e-5)


def test_shapes(stories, passages):
    logits, attention = stories({"context": STORY, "question": QUESTION})
    assert (logits.shape, attention.shape) == ((2, 7), (2, 2, 4))
    logits, attention = passages({"context": PASSAGE, "question": QUESTION})
    assert (logits.shape, attention.shape) == ((2, 2, 6), (2, 6, 3))


def test_padding_and_the_neighbour_change_nothing_in_a_story(stories):
    both = stories({"context": STORY, "question": QUESTION})
    alone = stories({"context": STORY[1:, :2], "question": QUESTION[1:, :2]})
    np.testing.assert_allclose(alone[0][0], both[0][1], atol=1e-5)
    np.testing.assert_allclose(alone[1][0], both[1][1, :, :2], atol=1e-5)
    np.testing.assert_array_equal(both[1][1, :, 2:], 0)


def test_padding_and_the_neighbour_change_nothing_in_a_passage(passages):
    both = passages({"context": PASSAGE, "question": QUESTION})
    alone = passages({"context": PASSAGE[1:, :4], "question": QUESTION[1:, :2]})
    np.testing.assert_allclose(alone[0][0], both[0][1, :, :4], atol=1e-5)
    np.testing.assert_allclose(alone[1][0], both[1][1, :4, :2], atol=1e-5)
    assert (both[0][1, :, 4:].numpy() < -1e8).all()


def test_the_order_of_sentences_counts(stories):
    logits, _ = stories({"context": STORY[:1], "question": QUESTION[:1]})
    turned, _ = stories({"context": STORY[:1, ::-1], "question": QUESTION[:1]})
    assert np.abs(logits - turned).max() > 1e-3


def test_a_word_of_the_question_is_marked_where_it_occurs(passages):
    occurs = passages.get_layer("occurs")
    matches = occurs([np.array([[3, 1, 7, 99, 0, 4]]), np.array([[4, 99, 3, 1, 0]])])
    np.testing.assert_array_equal(matches[0, :, 0], [1, 0, 0, 1, 0, 1])


def test_alignment_is_a_weighted_mean_of_words(passages):
    layer = passages.get_layer("alignment")
    x, q = (RNG.normal(size=(1, n, 5)).astype("float32") for n in (4, 3))
    there = np.array([[True, True, False]])
    aligned, weights = layer([x, q], there)
    w, b = (v.numpy() for v in layer.project.weights)
    ours, theirs = np.maximum(x[0] @ w + b, 0), np.maximum(q[0] @ w + b, 0)
    expected = np.stack([softmax(row) for row in (ours @ theirs.T)[:, :2]])
    np.testing.assert_allclose(weights[0, :, :2], expected, atol=1e-5)
    np.testing.assert_allclose(aligned[0], expected @ q[0, :2], atol=1e-5)


@pytest.mark.parametrize("kind", ["stories", "passages"])
def test_a_saved_model_is_the_same_and_every_weight_learns(kind, request, tmp_path):
    model = request.getfixturevalue(kind)
    inputs = {
        "context": STORY if kind == "stories" else PASSAGE,
        "question": QUESTION,
    }
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(model(inputs), loaded(inputs), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    with tf.GradientTape() as tape:
        logits, _ = model(inputs, training=True)
        loss = tf.reduce_sum(tf.nn.log_softmax(logits)[:, ..., 1])
    weights = model.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path
