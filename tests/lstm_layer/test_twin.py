"""Tests the layer against `keras.layers.LSTM` with the same weights.

Most numbers are checked against the cell: test_kernel.py and test_schedule.py.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lstm_layer import LSTM, LSTMCell

BATCH, TIMESTEPS, FEATURES, UNITS = 3, 4, 2, 5


def assert_close(received, expected, atol=1e-5):
    for one, other in zip(received, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=atol)


def results_and_gradients(layer, x, state, mask, draw_loss, training=False):
    """Returns the results of a layer, and the gradients of a random loss of them."""
    x = tf.constant(x)
    state = [tf.constant(s) for s in state]
    with tf.GradientTape() as tape:
        tape.watch([x, state])
        results = layer(x, initial_state=state, mask=mask, training=training)
        results = tf.nest.flatten(results)
        loss = draw_loss(results)
    gradients = tape.gradient(loss, [x, *state, *layer.trainable_weights])
    return results, gradients


@pytest.fixture
def draw_loss():
    """Returns the loss: a random weighted sum of all results; all weights differ."""

    def loss(results):
        generator = np.random.default_rng(2000)
        weights = [generator.normal(size=r.shape).astype("float32") for r in results]
        return sum(tf.reduce_sum(r * w) for r, w in zip(results, weights, strict=True))

    return loss


@pytest.mark.parametrize(
    ("masked", "options"),
    [
        pytest.param(False, {"return_sequences": True}, id="no mask"),
        pytest.param(True, {"go_backwards": True}, id="mask, backwards"),
    ],
)
def test_outputs_states_and_gradients_are_those_of_keras(
    make_twins, x, state, holes, draw_loss, masked, options
):
    mask = holes if masked else None
    ours, theirs = make_twins(return_state=True, **options)
    (our_results, our_gradients), (results, gradients) = (
        results_and_gradients(layer, x, state, mask, draw_loss, training=True)
        for layer in (ours, theirs)
    )
    assert_close(our_results, results)
    assert len(gradients) == 6
    assert_close(our_gradients, gradients)


def test_zero_output_for_mask_does_what_it_does_in_keras(
    make_layer, x, state, holes, draw_loss
):
    options = {
        "return_sequences": True,
        "return_state": True,
        "go_backwards": True,
        "zero_output_for_mask": True,
    }
    ours = make_layer(**options)
    theirs = keras.layers.RNN(keras.layers.LSTMCell(UNITS), **options)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    our_results, our_gradients = results_and_gradients(ours, x, state, holes, draw_loss)
    results, gradients = results_and_gradients(theirs, x, state, holes, draw_loss)
    assert_close(our_results, results)
    assert_close(our_gradients, gradients)
    assert not np.any(our_results[0].numpy()[~holes[:, ::-1]])


def test_a_gradient_reaches_no_masked_timestep(make_layer, x, state, holes, draw_loss):
    layer = make_layer(return_sequences=True)
    _, gradients = results_and_gradients(layer, x, state, holes, draw_loss)
    np.testing.assert_array_equal(np.any(gradients[0], axis=-1), holes)


@pytest.mark.parametrize("mask", ["no mask", "right-padded"], indirect=True)
def test_bidirectional_gives_what_it_gives_with_the_keras_layer(
    x, mask, draw_loss, randomize
):
    results, gradients = [], []
    weights = None
    for lstm in (LSTM, keras.layers.LSTM):
        layer = keras.layers.Bidirectional(
            lstm(UNITS, return_sequences=True, return_state=True),
            merge_mode=None,
        )
        layer.build(x.shape)
        assert type(layer.forward_layer) is type(layer.backward_layer) is lstm
        weights = weights or randomize(layer).get_weights()
        layer.set_weights(weights)
        with tf.GradientTape() as tape:
            results.append(tf.nest.flatten(layer(x, mask=mask)))
            loss = draw_loss(results[-1])
        gradients.append(tape.gradient(loss, layer.trainable_weights))
    assert_close(*results)
    assert_close(*gradients)


def test_a_stack_of_cells_gives_what_a_stack_of_keras_cells_gives(
    x, holes, draw_loss, randomize
):
    results, gradients = [], []
    weights = None
    for cell_class in (LSTMCell, keras.layers.LSTMCell):
        cells = [cell_class(UNITS), cell_class(UNITS + 2)]
        layer = keras.layers.RNN(
            keras.layers.StackedRNNCells(cells),
            return_sequences=True,
            return_state=True,
        )
        layer.build(x.shape)
        weights = weights or randomize(layer).get_weights()
        layer.set_weights(weights)
        with tf.GradientTape() as tape:
            results.append(tf.nest.flatten(layer(x, mask=holes)))
            loss = draw_loss(results[-1])
        gradients.append(tape.gradient(loss, layer.trainable_weights))
    assert len(results[0]) == 5
    assert_close(*results)
    assert_close(*gradients)


def test_a_new_layer_has_the_weights_of_a_new_keras_layer(x):
    layers = [
        lstm(
            UNITS,
            kernel_initializer=keras.initializers.GlorotUniform(seed=3),
            recurrent_initializer=keras.initializers.Orthogonal(seed=4),
        )
        for lstm in (LSTM, keras.layers.LSTM)
    ]
    for layer in layers:
        layer(x)
    ours, theirs = layers
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert len(ours.trainable_weights) == len(theirs.trainable_weights) == 3
    assert_close(ours.get_weights(), theirs.get_weights(), atol=0)
    np.testing.assert_array_equal(ours.get_weights()[2], np.repeat([0, 1, 0, 0], UNITS))


def test_after_a_few_steps_of_training_the_weights_are_still_those_of_keras(
    make_twins, x, draw
):
    targets = draw(BATCH, UNITS)
    trained = []
    for layer in make_twins():
        model = keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), layer])
        model.compile(keras.optimizers.Adam(0.05), loss="mse", run_eagerly=True)
        before = model.get_weights()
        losses = [model.train_on_batch(x, targets) for _ in range(4)]
        assert losses[-1] < losses[0]
        assert all(
            np.any(w != b) for w, b in zip(model.get_weights(), before, strict=True)
        )
        trained.append(model.get_weights())
    assert_close(*trained, atol=1e-4)
