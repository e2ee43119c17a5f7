"""Word vectors: trained and fixed ones, the mask, and saving and loading."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common.layers.embedding import WordEmbedding, cross_entropy

VECTORS = np.random.default_rng(3).normal(size=(6, 4)).astype("float32")
TOKEN_IDS = np.array([[1, 5, 2, 0], [3, 4, 4, 2]])


def embedding(trained):
    layer = WordEmbedding(vocabulary_size=6, embedding_dim=4, trained=trained)
    layer.build((None, None))
    layer.assign(VECTORS)
    return layer


@pytest.mark.parametrize("trained", [2, 4, 6])
def test_each_token_has_its_vector(trained):
    np.testing.assert_array_equal(embedding(trained)(TOKEN_IDS), VECTORS[TOKEN_IDS])


@pytest.mark.parametrize("trained", [2, 4, 6])
def test_a_step_changes_the_trained_vectors_and_no_other(trained):
    token_ids = keras.Input((None,), dtype="int32")
    layer = embedding(trained)
    model = keras.Model(token_ids, layer(token_ids))
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.train_on_batch(TOKEN_IDS, np.zeros((2, 4, 4), "float32"))
    after = np.array(layer(np.arange(6)[np.newaxis]))[0]
    changed = np.any(after != VECTORS, axis=-1)
    np.testing.assert_array_equal(changed, [0 < n < trained for n in range(6)])


def test_padding_is_masked_and_nothing_else():
    np.testing.assert_array_equal(embedding(3).compute_mask(TOKEN_IDS), TOKEN_IDS != 0)


def test_a_layer_after_it_gets_the_mask():
    token_ids = keras.Input((None,), dtype="int32")
    pooled = keras.layers.GlobalAveragePooling1D()(embedding(3)(token_ids))
    model = keras.Model(token_ids, pooled)
    expected = VECTORS[TOKEN_IDS[:1, :3]].mean(axis=1)
    np.testing.assert_allclose(model(TOKEN_IDS[:1]), expected, rtol=1e-6)


@pytest.mark.parametrize("trained", [4, 6])
def test_a_saved_model_has_the_same_vectors(trained, tmp_path):
    token_ids = keras.Input((None,), dtype="int32")
    model = keras.Model(token_ids, embedding(trained)(token_ids))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(TOKEN_IDS), model(TOKEN_IDS))
    assert len(loaded.trainable_weights) == 1


@pytest.mark.parametrize("trained", [1, 7])
def test_a_number_of_trained_vectors_out_of_range_is_refused(trained):
    with pytest.raises(ValueError, match=r"from 2 to vocabulary_size \(6\).*trained="):
        WordEmbedding(vocabulary_size=6, embedding_dim=4, trained=trained)


def test_the_loss_of_logits_and_its_gradient_are_those_of_the_softmax():
    rng, size = np.random.default_rng(3), 11
    logits = rng.normal(size=(6, size))
    targets = rng.integers(0, size, 6)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    hot = np.eye(size)[targets]
    x = tf.constant(logits, "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        rows = cross_entropy(x, tf.constant(targets, "int32"))
        loss = 3 * tf.reduce_mean(rows)
    gradient = tape.gradient(loss, x)
    np.testing.assert_allclose(loss, -3 * np.log((p * hot).sum(1)).mean(), rtol=1e-5)
    np.testing.assert_allclose(gradient, 3 * (p - hot) / 6, rtol=1e-5, atol=1e-6)
