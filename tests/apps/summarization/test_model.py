"""The decoder's equations, the mixture of writing and copying, steps and sequences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.summarization.model import (
    build_model,
    build_step,
    encode,
    log_probabilities,
)

SIZE = 7
SETTINGS = {
    "vocabulary_size": SIZE,
    "embedding_dim": 4,
    "units": 3,
    "embedding_dropout": 0.0,
    "dropout": 0.0,
}
TOKEN_IDS = np.array([[3, 1, 4, 1, 5], [6, 1, 0, 0, 0]], "int32")
COPY_IDS = np.array([[3, SIZE + 1, 4, SIZE + 3, 5], [6, SIZE + 1, 0, 0, 0]], "int32")
TARGETS = np.array([[4, SIZE + 3, 3, 2], [SIZE + 1, 2, 0, 0]], "int32")
DECODER_INPUTS = np.array([[2, 4, 1, 3], [2, 1, 2, 0]], "int32")


@pytest.fixture(params=[False, True], ids=["plain", "coverage"])
def model(request):
    built = build_model(**SETTINGS, coverage=request.param)
    rng = np.random.default_rng(3)
    built.set_weights([rng.normal(0, 0.7, w.shape) for w in built.get_weights()])
    return built


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def by_hand(model, row):
    """Returns logits, gate and attention of one row, from the equations."""
    decoder = model.get_layer("decoder")
    vectors = model.get_layer("embedding").vectors.numpy()
    bias = model.get_layer("embedding").bias.numpy()
    used = TOKEN_IDS[row : row + 1, : np.sum(TOKEN_IDS[row] > 0)]
    fixed, state = encode(model, tf.constant(used))
    m, h, c = (x[0].numpy() for x in (fixed["memory"], state["h"], state["c"]))
    context, coverage, rows = np.zeros(m.shape[1]), np.zeros(len(m)), []
    w_m, b_m = (w.numpy() for w in decoder.keys.weights)
    (w_h,) = (w.numpy() for w in decoder.query.weights)
    w_y, b_y = (w.numpy() for w in decoder.features.weights)
    w_p, b_p = (w.numpy() for w in decoder.writes.weights)
    for token in DECODER_INPUTS[row]:
        x = vectors[token]
        inputs = np.concatenate([x, context])[np.newaxis].astype("float32")
        _, (h, c) = decoder.cell(inputs, [h.reshape(1, -1), c.reshape(1, -1)])
        h, c = h[0].numpy(), c[0].numpy()
        inside = m @ w_m + b_m + h @ w_h
        if decoder.coverage:
            inside = inside + np.outer(coverage, decoder.w_g.numpy())
        alpha = softmax(np.tanh(inside) @ decoder.v.numpy())
        context, coverage = alpha @ m, coverage + alpha
        y = np.tanh(np.concatenate([h, context]) @ w_y + b_y)
        gate = np.concatenate([h, context, x]) @ w_p + b_p
        rows.append((y @ vectors.T + bias, gate, alpha))
    return [np.stack(part) for part in zip(*rows, strict=True)]


def test_the_decoder_does_what_its_equations_say(model):
    logits, p_gen_logit, attention = model([TOKEN_IDS, DECODER_INPUTS])
    for row in range(2):
        expected = by_hand(model, row)
        length = expected[2].shape[1]
        np.testing.assert_allclose(logits[row], expected[0], atol=1e-5)
        np.testing.assert_allclose(p_gen_logit[row], expected[1], atol=1e-5)
        np.testing.assert_allclose(attention[row, :, :length], expected[2], atol=1e-5)
        np.testing.assert_array_equal(attention[row, :, length:], 0)


def test_the_decoder_begins_with_the_last_states_of_the_encoder(model):
    layers = [model.get_layer(name) for name in ("embedding", "encoder", "decoder")]
    embedding, encoder, decoder = layers
    token_ids = tf.constant(TOKEN_IDS[:1])
    h, c = [], []
    for direction in (encoder.forward_layer, encoder.backward_layer):
        outputs, _, last_c = direction(embedding(token_ids))
        h.append(np.array(outputs)[:, -1])
        c.append(np.array(last_c))
    w_0, b_0 = decoder.initial_h.get_weights()
    w_1, b_1 = decoder.initial_c.get_weights()
    _, state = encode(model, token_ids)
    np.testing.assert_allclose(state["h"], np.tanh(np.hstack(h) @ w_0 + b_0), atol=1e-5)
    np.testing.assert_allclose(state["c"], np.hstack(c) @ w_1 + b_1, atol=1e-5)


def test_a_token_is_written_or_copied(model):
    outputs = model([TOKEN_IDS, DECODER_INPUTS])
    log_p = log_probabilities(outputs, COPY_IDS, TARGETS)
    logits, p_gen_logit, attention = (x.numpy() for x in outputs)
    for row, step in ((0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)):
        target = TARGETS[row, step]
        p = 1 / (1 + np.exp(-p_gen_logit[row, step, 0]))
        written = softmax(logits[row, step])[target] if target < SIZE else 0.0
        copied = attention[row, step][COPY_IDS[row] == target].sum()
        expected = np.log(p * written + (1 - p) * copied)
        assert float(log_p[row, step]) == pytest.approx(expected, abs=1e-5)


def test_step_by_step_is_the_whole_summary(model):
    outputs = model([TOKEN_IDS, DECODER_INPUTS])
    expected = log_probabilities(outputs, COPY_IDS, TARGETS).numpy()
    fixed, state = encode(model, tf.constant(TOKEN_IDS))
    step = build_step(model, fixed, tf.constant(COPY_IDS))
    ids = tf.constant([2, 2])
    for t in range(4):
        log_p, state = step(ids, state)
        for row in range(2):
            if TARGETS[row, t]:
                assert float(log_p[row, TARGETS[row, t]]) == pytest.approx(
                    expected[row, t], abs=1e-4
                )
        ids = tf.constant(TARGETS[:, t])


def test_the_probabilities_of_a_step_sum_to_one_but_for_the_unknown(model):
    fixed, state = encode(model, tf.constant(TOKEN_IDS))
    step = build_step(model, fixed, tf.constant(COPY_IDS))
    log_p, state = step(tf.constant([2, 2]), state)
    assert log_p.shape == (2, SIZE + 5)
    x = model.get_layer("embedding")(tf.constant([2, 2]))
    decoder, embedding = model.get_layer("decoder"), model.get_layer("embedding")
    features, p_gen_logit = decoder.outputs(x, state["h"], state["context"])
    unknown = tf.nn.softmax(embedding(features, reverse=True))[:, 1]
    total = tf.reduce_sum(tf.exp(log_p), axis=-1)
    left_out = tf.sigmoid(p_gen_logit[:, 0]) * unknown
    np.testing.assert_allclose(total + left_out, 1, atol=1e-5)


def test_padding_and_the_neighbour_change_nothing(model):
    alone = model([TOKEN_IDS[1:, :2], DECODER_INPUTS[1:]])
    together = model([TOKEN_IDS, DECODER_INPUTS])
    for one, both in zip(alone[:2], together[:2], strict=True):
        np.testing.assert_allclose(one[0], both[1], atol=1e-5)


def test_the_decoder_is_the_cell(model):
    from lstm_layer import LSTMCell

    assert type(model.get_layer("decoder").cell) is LSTMCell


def test_a_saved_model_is_the_same(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(
        model([TOKEN_IDS, DECODER_INPUTS]),
        loaded([TOKEN_IDS, DECODER_INPUTS]),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_every_weight_learns():
    model = build_model(**SETTINGS, coverage=True)
    decoder = model.get_layer("decoder")
    decoder.w_g.assign(tf.ones_like(decoder.w_g))
    with tf.GradientTape() as tape:
        outputs = model([TOKEN_IDS, DECODER_INPUTS], training=True)
        loss = -tf.reduce_sum(log_probabilities(outputs, COPY_IDS, TARGETS))
    for weight, gradient in zip(
        model.trainable_weights,
        tape.gradient(loss, model.trainable_weights),
        strict=True,
    ):
        assert gradient is not None, weight.path
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path
