"""Tests one step of the cell: its equations, initial weights and arguments."""

import inspect
import json

import keras
import numpy as np
import pytest

from lstm_layer import LSTM, LSTMCell
from tests.lstm_layer.cell_options import OTHER_OPTIONS

BATCH, FEATURES, UNITS = 3, 2, 5


@pytest.fixture
def make_cell(randomize):
    def make(**options):
        cell = LSTMCell(UNITS, **options)
        cell.build((BATCH, FEATURES))
        return randomize(cell)

    return make


def relu(z):
    return np.maximum(z, 0)


def hard_sigmoid(z):
    return np.clip(z / 6 + 0.5, 0, 1)


def softsign(z):
    return z / (1 + np.abs(z))


def linear(z):
    return z


@pytest.mark.parametrize(("dtype", "atol"), [("float32", 1e-6), ("float64", 1e-14)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_a_step_follows_the_six_equations(
    oracle, make_cell, draw, dtype, atol, use_bias
):
    cell = make_cell(use_bias=use_bias, dtype=dtype)
    x, h, c = draw(BATCH, FEATURES), draw(BATCH, UNITS), draw(BATCH, UNITS)
    output, (h_new, c_new) = cell(x, [h, c])
    h_expected, c_expected = oracle(cell.get_weights()).step(x, h, c)
    np.testing.assert_allclose(output, h_expected, rtol=0, atol=atol)
    np.testing.assert_allclose(h_new, h_expected, rtol=0, atol=atol)
    np.testing.assert_allclose(c_new, c_expected, rtol=0, atol=atol)
    assert keras.backend.standardize_dtype(output.dtype) == dtype


@pytest.mark.parametrize(
    ("names", "functions"),
    [
        (("relu", "hard_sigmoid"), (relu, hard_sigmoid)),
        (("softsign", "tanh"), (softsign, np.tanh)),
        ((None, None), (linear, linear)),
        ((keras.ops.sin, keras.ops.cos), (np.sin, np.cos)),
    ],
    ids=["relu, hard_sigmoid", "softsign, tanh", "None, None", "functions"],
)
def test_a_step_uses_the_activations_it_is_given(
    oracle, make_cell, draw, names, functions
):
    cell = make_cell(activation=names[0], recurrent_activation=names[1])
    x, h, c = draw(BATCH, FEATURES), draw(BATCH, UNITS), draw(BATCH, UNITS)
    _, states = cell(x, [h, c])
    expected = oracle(cell.get_weights(), *functions).step(x, h, c)
    np.testing.assert_allclose(states, expected, rtol=1e-5, atol=1e-5)


def test_steps_in_a_row_follow_the_oracle(oracle, make_cell, x):
    cell = make_cell()
    states = cell.get_initial_state(batch_size=BATCH)
    outputs = []
    for t in range(x.shape[1]):
        output, states = cell(x[:, t], states)
        outputs.append(output)
    expected, h, c = oracle(cell.get_weights()).sequence(x)
    np.testing.assert_allclose(np.stack(outputs, axis=1), expected, atol=1e-6)
    np.testing.assert_allclose(states, [h, c], atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_the_initial_state_is_two_zeros_in_the_dtype_of_the_computation(dtype):
    cell = LSTMCell(UNITS, dtype=dtype)
    states = cell.get_initial_state(batch_size=BATCH)
    assert [tuple(s.shape) for s in states] == [(BATCH, UNITS)] * 2
    assert {keras.backend.standardize_dtype(s.dtype) for s in states} == {
        cell.compute_dtype
    }
    assert not any(np.any(s) for s in states)


def test_a_new_cell_has_the_weights_of_a_new_keras_cell():
    cells = []
    for cell_class in (LSTMCell, keras.layers.LSTMCell):
        cell = cell_class(
            UNITS,
            kernel_initializer=keras.initializers.GlorotUniform(seed=3),
            recurrent_initializer=keras.initializers.Orthogonal(seed=4),
        )
        cell.build((BATCH, FEATURES))
        cells.append(cell)
    ours, theirs = cells
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert [w.dtype for w in ours.weights] == [w.dtype for w in theirs.weights]
    for our_weight, their_weight in zip(
        ours.get_weights(), theirs.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(our_weight, their_weight)


@pytest.mark.parametrize(
    ("options", "b_f"),
    [
        ({}, 1.0),
        ({"unit_forget_bias": True}, 1.0),
        ({"unit_forget_bias": False}, "as the others"),
    ],
    ids=str,
)
@pytest.mark.parametrize(("bias_initializer", "others"), [("zeros", 0), ("ones", 1)])
def test_the_forget_bias_sets_b_f_and_no_other_bias(
    options, b_f, bias_initializer, others
):
    cell = LSTMCell(UNITS, bias_initializer=bias_initializer, **options)
    cell.build((BATCH, FEATURES))
    b_f = others if b_f == "as the others" else b_f
    expected = np.repeat([others, b_f, others, others], UNITS)
    np.testing.assert_array_equal(cell.get_weights()[2], expected)


def test_a_cell_without_bias_ignores_the_forget_bias():
    cell = LSTMCell(UNITS, use_bias=False, unit_forget_bias=True)
    cell.build((BATCH, FEATURES))
    assert [w.name for w in cell.weights] == ["kernel", "recurrent_kernel"]


NOT_THE_DEFAULTS = {
    **OTHER_OPTIONS,
    "bias_regularizer": keras.regularizers.L1L2(0.1, 0.2),
}


def test_the_arguments_above_are_all_there_are():
    parameters = inspect.signature(LSTMCell).parameters.keys()
    assert NOT_THE_DEFAULTS.keys() == parameters - {"implementation", "kwargs"}


def test_the_config_brings_every_argument_back():
    cell = LSTMCell(**NOT_THE_DEFAULTS, name="mine", dtype="float64", trainable=False)
    config = cell.get_config()
    default = LSTMCell(3, name="other").get_config()
    assert all(config[name] != default[name] for name in config)
    assert set(NOT_THE_DEFAULTS) < set(config)
    again = LSTMCell.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config


@pytest.mark.parametrize("unit_forget_bias", [True, False])
def test_the_config_of_a_keras_cell_makes_this_cell(unit_forget_bias):
    options = {**NOT_THE_DEFAULTS, "unit_forget_bias": unit_forget_bias}
    del options["weight_drop"]  # Keras has no such option
    theirs = keras.layers.LSTMCell(**options)
    ours = LSTMCell.from_config(theirs.get_config())
    expected = LSTMCell(**options, name=theirs.name)
    assert ours.get_config() == expected.get_config()


@pytest.mark.parametrize("units", [0, -1, "3", True, 2.0, None], ids=repr)
def test_units_must_be_a_positive_integer(units):
    message = rf"^`units` must be a positive integer\. Received: units={units!r}\.$"
    with pytest.raises(ValueError, match=message):
        LSTMCell(units)


@pytest.mark.parametrize("name", ["dropout", "recurrent_dropout", "weight_drop"])
@pytest.mark.parametrize("value", [1.5, 1.0, -0.1, float("nan")])
def test_a_dropout_must_be_a_fraction(name, value):
    message = rf"^`{name}` must be a fraction.* Received: {name}={value}\.$"
    with pytest.raises(ValueError, match=message):
        LSTMCell(UNITS, **{name: value})


@pytest.mark.parametrize("make", [LSTMCell, LSTM])
@pytest.mark.parametrize(
    ("forget_bias", "unit_forget_bias", "b_f"),
    [(1.0, True, 1.0), (0.0, False, 0.5), (2.5, False, 2.5), (-1.0, False, -1.0)],
)
def test_a_config_that_was_saved_with_a_forget_bias_still_loads(
    make, forget_bias, unit_forget_bias, b_f
):
    """Old versions had `forget_bias` instead of `unit_forget_bias`."""
    config = make(UNITS, bias_initializer=keras.initializers.Constant(0.5)).get_config()
    del config["unit_forget_bias"]
    again = make.from_config({**config, "forget_bias": forget_bias})
    again.build((BATCH, 4, FEATURES) if make is LSTM else (BATCH, FEATURES))
    expected = np.repeat([0.5, b_f, 0.5, 0.5], UNITS)
    np.testing.assert_array_equal(again.weights[2], expected)
    assert again.unit_forget_bias == unit_forget_bias
    assert "forget_bias" not in again.get_config()
    third = make.from_config(json.loads(json.dumps(again.get_config())))
    assert third.get_config() == again.get_config()


def test_an_unknown_argument_is_named():
    with pytest.raises(ValueError, match=r"Unrecognized keyword.*'unit_forget_bais'"):
        LSTMCell(UNITS, unit_forget_bais=True)


@pytest.mark.parametrize("make", [LSTMCell, LSTM])
def test_only_units_and_the_activations_are_positional(make):
    config = make(UNITS, "relu", "hard_sigmoid").get_config()
    assert config["units"] == UNITS
    assert config["activation"] == "relu"
    assert config["recurrent_activation"] == "hard_sigmoid"
    with pytest.raises(TypeError, match="positional argument"):
        make(UNITS, "relu", "hard_sigmoid", True)
