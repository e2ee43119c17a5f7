"""Tests dropout: a mask for each row and call, the same at all timesteps of a sequence.

The layers here only add: all gates are 1, the candidate is linear and there is no bias,
so c_t = c_{t-1} + x_t W + h_{t-1} U and h_t = c_t. If W or U is the identity, the
outputs show the masks.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lstm_layer import LSTM, LSTMCell

BATCH, TIMESTEPS, UNITS = 8, 4, 5
ADDS_UP = {
    "activation": None,
    "recurrent_activation": keras.ops.ones_like,
    "use_bias": False,
}


def run_by_layer(**options):
    return LSTM(UNITS, return_sequences=True, **ADDS_UP, **options)


def run_by_rnn(**options):
    cell = LSTMCell(UNITS, **ADDS_UP, **options)
    return keras.layers.RNN(cell, return_sequences=True)


def run_in_a_stack(**options):
    cell = LSTMCell(UNITS, **ADDS_UP, **options)
    stack = keras.layers.StackedRNNCells([cell])
    return keras.layers.RNN(stack, return_sequences=True)


def run_as_own_cell(**options):
    class Cell(LSTMCell):
        pass

    return LSTM(cell=Cell(UNITS, **ADDS_UP, **options), return_sequences=True)


@pytest.fixture(params=[run_by_layer, run_by_rnn, run_in_a_stack, run_as_own_cell])
def make(request):
    def make_adding(**options):
        """Makes a built layer whose outputs show its masks."""
        layer = request.param(**options)
        layer.build((BATCH, TIMESTEPS, UNITS))
        identity, zeros = np.zeros((2, UNITS, 4 * UNITS))
        identity[:, 2 * UNITS : 3 * UNITS] = np.eye(UNITS)
        weights = [identity, zeros] if "dropout" in options else [zeros, identity]
        layer.set_weights(weights)
        return layer

    return make_adding


def input_masks(layer, training=True):
    """Returns the mask of each timestep, from c_t - c_{t-1} = m_t * 1."""
    outputs = np.array(layer(tf.ones((BATCH, TIMESTEPS, UNITS)), training=training))
    return np.diff(outputs, axis=1, prepend=0)


def recurrent_masks(layer, training=True):
    """Returns the mask of each timestep, from c_t / c_{t-1} = 1 + m_t."""
    ones = tf.ones((BATCH, UNITS))
    nested = isinstance(layer.cell, keras.layers.StackedRNNCells)
    outputs = layer(
        tf.ones((BATCH, TIMESTEPS, UNITS)),
        initial_state=[[ones, ones]] if nested else [ones, ones],
        training=training,
    )
    outputs = np.insert(np.array(outputs), 0, 1.0, axis=1)
    return outputs[:, 1:] / outputs[:, :-1] - 1


DROPOUTS = pytest.mark.parametrize(
    ("name", "show"),
    [("dropout", input_masks), ("recurrent_dropout", recurrent_masks)],
    ids=["dropout", "recurrent_dropout"],
)


@DROPOUTS
def test_one_mask_serves_all_timesteps_of_a_sequence(make, name, show):
    masks = show(make(**{name: 0.25}))
    same = np.repeat(masks[:, :1], TIMESTEPS, axis=1)
    np.testing.assert_allclose(masks, same, atol=1e-6)
    kept = np.isclose(masks, 1 / (1 - 0.25))
    np.testing.assert_allclose(masks[~kept], 0, atol=1e-6)
    assert 0 < kept.mean() < 1


@DROPOUTS
def test_masks_differ_between_rows_and_between_calls(make, name, show):
    layer = make(**{name: 0.5})
    first, second = show(layer)[:, 0], show(layer)[:, 0]
    assert len(np.unique(first.round(), axis=0)) > 1
    assert np.any(first != second)


@DROPOUTS
def test_nothing_is_dropped_at_inference(make, name, show):
    layer = make(**{name: 0.5})
    show(layer)
    np.testing.assert_allclose(show(layer, training=False), 1, atol=1e-6)


@DROPOUTS
def test_the_same_seed_draws_the_same_masks(make, name, show):
    same, other = (
        [show(make(seed=seed, **{name: 0.5})) for seed in seeds]
        for seeds in [(3, 3), (3, 4)]
    )
    np.testing.assert_array_equal(*same)
    assert np.any(other[0] != other[1])


@pytest.mark.parametrize("fraction", [0.1, 0.75])
def test_the_fraction_given_is_the_fraction_dropped(fraction):
    layer = LSTM(UNITS, dropout=fraction, seed=1)
    layer.build((1000, 1, UNITS))
    mask = layer.cell.get_dropout_mask(tf.ones((1000, UNITS)))
    assert np.mean(np.equal(mask, 0)) == pytest.approx(fraction, abs=0.03)


def test_a_compiled_function_draws_anew_at_each_call():
    layer = LSTM(UNITS, return_sequences=True, dropout=0.5, recurrent_dropout=0.5)

    @tf.function(autograph=False)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(layer(x, training=True))
        return tape.gradient(total, x)

    x = tf.ones((BATCH, TIMESTEPS, UNITS))
    reached = [np.equal(gradient(x), 0) for _ in range(2)]
    for dropped in reached:
        assert np.any(dropped)
        assert not np.all(dropped)
        np.testing.assert_array_equal(
            dropped, np.repeat(dropped[:, :1], TIMESTEPS, axis=1)
        )
    assert np.any(reached[0] != reached[1])


def test_a_dropped_feature_gets_no_gradient_at_any_timestep(make_layer, x):
    layer = make_layer(return_sequences=True, dropout=0.5)
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x, training=True))
    dropped = np.equal(tape.gradient(total, x), 0)
    assert np.any(dropped)
    np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], TIMESTEPS, axis=1))


def test_with_dropout_the_layer_gives_what_its_cell_gives_step_by_step(
    make_layer, x, state, holes, draw
):
    of_cell = {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 3}
    of_layer = {"return_sequences": True, "go_backwards": True}
    layer = make_layer(UNITS, **of_cell, **of_layer)
    stepwise = keras.layers.RNN(LSTMCell(UNITS, **of_cell), **of_layer)
    stepwise.build(x.shape)
    stepwise.set_weights(layer.get_weights())
    coefficients = draw(*x.shape[:2], UNITS)
    tensors = [tf.constant(tensor) for tensor in (x, *state)]
    results = []
    for lstm in (layer, stepwise):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = lstm(
                tensors[0], initial_state=tensors[1:], mask=holes, training=True
            )
            total = tf.reduce_sum(coefficients * outputs)
        gradients = tape.gradient(total, [*tensors, *lstm.trainable_weights])
        results.append([outputs, *gradients])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_fit_draws_new_masks_for_every_batch(draw):
    layer = LSTM(UNITS, dropout=0.5, recurrent_dropout=0.5)
    model = keras.Sequential([keras.Input((TIMESTEPS, 3)), layer])
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
    x, y = draw(BATCH, TIMESTEPS, 3), draw(BATCH, UNITS)
    history = model.fit(x, y, epochs=3, verbose=0, shuffle=False).history["loss"]
    assert len(set(history)) == 3


@pytest.mark.slow
def test_a_layer_with_dropout_learns(draw):
    model = keras.Sequential(
        [
            keras.Input((TIMESTEPS, 3)),
            LSTM(16, dropout=0.1, recurrent_dropout=0.1),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), loss="mse", jit_compile=False)
    x, y = draw(12, TIMESTEPS, 3), draw(12, 1)
    history = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert np.all(np.isfinite(history))
    assert np.mean((model(x) - y) ** 2) < 0.5 * history[0]
