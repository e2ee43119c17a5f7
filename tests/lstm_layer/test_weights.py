"""Tests regularizers, constraints, layers without bias, and freezing."""

import keras
import numpy as np
import pytest

from lstm_layer import LSTM, LSTMCell

BATCH, TIMESTEPS, FEATURES, UNITS = 3, 4, 2, 5
WEIGHTS = ["kernel", "recurrent", "bias"]


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_regularizer_adds_its_penalty_to_the_losses(make_layer, weight):
    layer = make_layer(**{f"{weight}_regularizer": keras.regularizers.L1L2(0.1, 0.2)})
    w = layer.get_weights()[WEIGHTS.index(weight)]
    expected = 0.1 * np.sum(np.abs(w)) + 0.2 * np.sum(w**2)
    assert len(layer.losses) == 1
    assert float(layer.losses[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("return_sequences", [False, True])
def test_an_activity_regularizer_penalizes_the_outputs_as_in_keras(
    make_twins, x, holes, return_sequences
):
    ours, theirs = make_twins(
        activity_regularizer=keras.regularizers.L2(0.3),
        return_sequences=return_sequences,
    )
    for layer in (ours, theirs):
        layer(x, mask=holes)
    assert len(ours.losses) == len(theirs.losses) == 1
    assert float(ours.losses[0]) == pytest.approx(float(theirs.losses[0]), rel=1e-5)
    assert float(ours.losses[0]) > 0


def test_an_activity_regularizer_of_the_cell_penalizes_its_outputs_as_in_keras(
    randomize, x
):
    options = {"activity_regularizer": keras.regularizers.L2(0.3)}
    ours = LSTM(cell=LSTMCell(UNITS, **options))
    theirs = keras.layers.RNN(keras.layers.LSTMCell(UNITS, **options))
    for layer in (ours, theirs):
        layer.build(x.shape)
    ours.set_weights(randomize(theirs).get_weights())
    for layer in (ours, theirs):
        layer(x)
    assert sum(theirs.losses) > 0
    assert float(sum(ours.losses)) == pytest.approx(float(sum(theirs.losses)), rel=1e-5)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_constraint_holds_after_a_step_of_training(randomize, x, draw, weight):
    layer = LSTM(UNITS, **{f"{weight}_constraint": "non_neg"})
    model = keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), layer])
    randomize(model)
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
    model.train_on_batch(x, draw(BATCH, UNITS))
    for name, w in zip(WEIGHTS, layer.get_weights(), strict=True):
        assert (w.min() >= 0) == (name == weight)


def test_penalties_are_part_of_the_loss_that_training_sees(make_layer, x, draw):
    y = draw(BATCH, UNITS)
    layers = [make_layer(kernel_regularizer=keras.regularizers.L2(p)) for p in (0, 0.5)]
    layers[1].set_weights(layers[0].get_weights())
    losses = []
    for layer in layers:
        model = keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), layer])
        model.compile(loss="mse", run_eagerly=True)
        losses.append(model.evaluate(x, y, verbose=0))
    expected = 0.5 * np.sum(layers[0].get_weights()[0] ** 2)
    assert losses[1] - losses[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"use_bias": False},
        {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
        {"activation": None, "recurrent_activation": None},
        {"activation": "softsign", "use_bias": False},
    ],
    ids=str,
)
def test_without_bias_or_with_other_activations_the_twins_agree(
    make_twins, x, state, holes, options
):
    ours, theirs = make_twins(return_sequences=True, return_state=True, **options)
    assert len(ours.weights) == (3 if options.get("use_bias", True) else 2)
    received = ours(x, initial_state=state, mask=holes)
    expected = theirs(x, initial_state=state, mask=holes)
    for one, other in zip(received, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "later"])
def test_a_frozen_layer_has_no_trainable_weight(make_layer, late):
    layer = make_layer() if late else make_layer(trainable=False)
    layer.trainable = False
    assert not layer.trainable_weights
    assert len(layer.non_trainable_weights) == 3


@pytest.mark.parametrize(
    ("options", "b_f"),
    [
        ({}, 1.0),
        ({"unit_forget_bias": False}, 0.0),
        ({"unit_forget_bias": False, "bias_initializer": "ones"}, 1.0),
    ],
    ids=str,
)
def test_the_layer_hands_the_forget_bias_to_its_cell(options, b_f):
    layer = LSTM(UNITS, **options)
    layer.build((BATCH, TIMESTEPS, FEATURES))
    others = 1.0 if "bias_initializer" in options else 0.0
    np.testing.assert_array_equal(
        layer.get_weights()[2], np.repeat([others, b_f, others, others], UNITS)
    )
