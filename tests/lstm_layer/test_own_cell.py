"""Tests that the layer runs the equations of a custom cell and no others."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from lstm_layer import LSTM, LSTMCell

BATCH, TIMESTEPS, FEATURES, UNITS = 3, 4, 2, 5


class CoupledCell(LSTMCell):
    """Couples the gates: f = 1 - i."""

    def call(self, inputs, states, training=False):
        h_prev, c_prev = states
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h_prev, self.recurrent_kernel)
        z_i, _, z_c, z_o = ops.split(z + self.bias, 4, axis=-1)
        i = self.recurrent_activation(z_i)
        c = (1 - i) * c_prev + i * self.activation(z_c)
        h = self.recurrent_activation(z_o) * self.activation(c)
        return h, [h, c]


class WithoutOutputGate(LSTMCell):
    """Outputs the whole cell state: o = 1."""

    def call(self, inputs, states, training=False):
        _, (_, c) = super().call(inputs, states, training=training)
        h = self.activation(c)
        return h, [h, c]


def coupled_step(oracle, x, h_prev, c_prev):
    i = oracle.sigmoid(x @ oracle.w_i + h_prev @ oracle.u_i + oracle.b_i)
    c_tilde = np.tanh(x @ oracle.w_c + h_prev @ oracle.u_c + oracle.b_c)
    o = oracle.sigmoid(x @ oracle.w_o + h_prev @ oracle.u_o + oracle.b_o)
    c = (1 - i) * c_prev + i * c_tilde
    return o * np.tanh(c), c


def step_without_output_gate(oracle, x, h_prev, c_prev):
    _, c = type(oracle).step(oracle, x, h_prev, c_prev)
    return np.tanh(c), c


OWN = pytest.mark.parametrize(
    ("cell_class", "step"),
    [(CoupledCell, coupled_step), (WithoutOutputGate, step_without_output_gate)],
)


@pytest.fixture
def make_own(make_layer):
    """Makes a layer with a custom cell, and a stock layer with the same weights."""

    def make(cell_class, **options):
        options = {"return_sequences": True, "return_state": True, **options}
        stock = make_layer(**options)
        layer = LSTM(cell=cell_class(UNITS), **options)
        layer.build((BATCH, TIMESTEPS, FEATURES))
        layer.set_weights(stock.get_weights())
        return layer, stock

    return make


@OWN
@pytest.mark.parametrize("go_backwards", [False, True])
def test_the_layer_runs_the_equations_of_the_subclass(
    oracle, make_own, x, state, holes, cell_class, step, go_backwards
):
    layer, stock = make_own(cell_class, go_backwards=go_backwards)
    own_oracle = oracle(layer.get_weights())
    own_oracle.step = lambda *args: step(own_oracle, *args)
    expected = own_oracle.sequence(x, state, holes, go_backwards)
    received = layer(x, initial_state=state, mask=holes)
    for one, other in zip(received, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    others = stock(x, initial_state=state, mask=holes)
    for one, other in zip(received, others, strict=True):
        assert np.max(np.abs(one - other)) > 0.05


@OWN
def test_a_compiled_function_runs_the_equations_of_the_subclass_too(
    make_own, x, cell_class, step
):
    layer, _ = make_own(cell_class)
    for one, other in zip(
        tf.function(layer, autograph=False)(x), layer(x), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_weight_that_the_subclass_does_not_use_gets_no_gradient(make_own, x):
    layer, stock = make_own(CoupledCell)
    of_b_f = slice(UNITS, 2 * UNITS)
    for lstm, used in [(layer, False), (stock, True)]:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(lstm(x)[0])
        gradient = tape.gradient(total, lstm.trainable_weights[2])
        assert np.any(gradient[of_b_f]) == used


def test_a_stock_cell_given_as_the_cell_is_the_stock_layer(make_own, x, holes):
    layer, stock = make_own(LSTMCell)
    for one, other in zip(layer(x, mask=holes), stock(x, mask=holes), strict=True):
        np.testing.assert_array_equal(one, other)
    assert layer.get_config().keys() == stock.get_config().keys()


@pytest.mark.parametrize(
    ("cell_class", "layer_class"),
    [
        (keras.layers.LSTMCell, keras.layers.LSTM),
        (keras.layers.GRUCell, keras.layers.GRU),
        (keras.layers.SimpleRNNCell, keras.layers.SimpleRNN),
    ],
)
def test_a_cell_of_keras_is_a_cell(x, holes, randomize, cell_class, layer_class):
    options = {"return_sequences": True, "return_state": True}
    ours = LSTM(cell=cell_class(UNITS), **options)
    theirs = layer_class(UNITS, **options)
    for layer in (ours, theirs):
        layer.build(x.shape)
    ours.set_weights(randomize(theirs).get_weights())
    for one, other in zip(ours(x, mask=holes), theirs(x, mask=holes), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({}, "units=None, cell=None"),
        ({"units": 3, "cell": LSTMCell(3)}, "units=3, cell=<LSTMCell"),
    ],
    ids=["neither", "both"],
)
def test_a_layer_takes_units_or_a_cell(options, received):
    with pytest.raises(ValueError, match=f"one of `units` and `cell` must.*{received}"):
        LSTM(**options)


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({"use_bias": False, "dropout": 0.5}, r" dropout, use_bias\. Give"),
        ({"unit_forget_bias": False}, r" unit_forget_bias\. Give"),
        ({"uints": 3}, r" uints\. Give"),
    ],
    ids=str,
)
def test_a_cell_brings_its_own_options(options, received):
    with pytest.raises(
        ValueError, match=f"the layer takes no options of the cell.*{received}"
    ):
        LSTM(cell=LSTMCell(3), **options)


@pytest.mark.parametrize("units", [0, -1, "3", True, 2.0], ids=repr)
def test_the_units_of_a_layer_must_be_a_positive_integer(units):
    message = rf"^`units` must be a positive integer\. Received: units={units!r}\.$"
    with pytest.raises(ValueError, match=message):
        LSTM(units)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 1.5}, r"`dropout` must be a fraction.*dropout=1\.5"),
        ({"recurrent_dropout": -0.5}, r"`recurrent_dropout` must be a fraction.*-0\.5"),
        ({"return_sequence": True}, r"Unrecognized keyword.*'return_sequence'"),
    ],
    ids=str,
)
def test_what_the_cell_refuses_the_layer_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        LSTM(UNITS, **options)
