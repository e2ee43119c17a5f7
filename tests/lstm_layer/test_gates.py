"""Tests that recorded gates are those of the run, and that contributions sum to C."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from lstm_layer import LSTM, LSTMCell
from lstm_layer.gates import NAMES, Gates, contributions, gates_of, record_gates


@pytest.fixture
def x():
    return np.random.default_rng(4).normal(size=(2, 6, 3)).astype("float32")


MASK = np.array([[True, True, False, True, True, False], [True] * 6])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def values(gates):
    return {name: np.array(getattr(gates, name)) for name in NAMES}


@pytest.mark.parametrize("backwards", [False, True])
def test_the_gates_are_the_textbooks(x, backwards):
    layer = LSTM(4, return_sequences=True, go_backwards=backwards, name="memory")
    state = [np.full((2, 4), 0.3, "float32"), np.full((2, 4), -0.2, "float32")]
    outputs, gates = record_gates(lambda: layer(x, initial_state=state))
    recorded = values(gates["memory"])
    kernel, recurrent, bias = (np.array(w, "float64") for w in layer.get_weights())
    h, c = state
    for t in range(5, -1, -1) if backwards else range(6):
        z = x[:, t] @ kernel + h @ recurrent + bias
        z_i, z_f, z_c, z_o = np.split(z, 4, axis=-1)
        f, i, c_tilde, o = sigmoid(z_f), sigmoid(z_i), np.tanh(z_c), sigmoid(z_o)
        c = f * c + i * c_tilde
        h = o * np.tanh(c)
        expected = {"f": f, "i": i, "c_tilde": c_tilde, "c": c, "o": o, "h": h}
        for name, value in expected.items():
            np.testing.assert_allclose(recorded[name][:, t], value, atol=1e-5)
    outputs = np.array(outputs)[:, ::-1] if backwards else np.array(outputs)
    np.testing.assert_allclose(recorded["h"], outputs, atol=1e-5)


def test_recording_changes_nothing(x):
    inputs = keras.Input((None, 3))
    sequences = LSTM(4, return_sequences=True, name="first")(inputs)
    last = keras.layers.Bidirectional(LSTM(3, name="second"), name="both")(sequences)
    model = keras.Model(inputs, keras.layers.Dense(2)(last))
    recorded, gates = record_gates(lambda: model(x))
    np.testing.assert_array_equal(recorded, model(x))
    assert list(gates) == ["first", "forward_second", "backward_second"]
    assert gates["first"].h.shape == (2, 6, 4)
    assert [g.backwards for g in gates.values()] == [False, False, True]
    h = values(gates["forward_second"])["h"][:, -1]
    again = values(gates["backward_second"])["h"][:, 0]
    np.testing.assert_allclose(last_of(model, x), np.hstack([h, again]), atol=1e-5)


def last_of(model, x):
    return keras.Model(model.input, model.get_layer("both").output)(x)


def test_nothing_is_recorded_afterwards(x):
    layer = LSTM(4)
    record_gates(lambda: layer(x))
    later = tf.constant(x)
    gone = weakref.ref(later)
    layer(later)
    del later
    gc.collect()
    assert gone() is None


def test_the_gates_of_a_layer_with_dropout_are_those_of_inference(x):
    dropped = {"dropout": 0.5, "recurrent_dropout": 0.5, "weight_drop": 0.5}
    layer = LSTM(4, return_sequences=True, name="memory", **dropped)
    outputs, gates = record_gates(lambda: layer(x))
    np.testing.assert_allclose(gates["memory"].h, outputs, atol=1e-6)


def test_a_layer_that_is_called_twice_is_told_apart(x):
    layer = LSTM(4, name="memory")
    _, gates = record_gates(lambda: (layer(x), layer(x + 1)))
    assert list(gates) == ["memory", "memory_2"]
    assert np.abs(gates["memory"].f - gates["memory_2"].f).max() > 0.01


def test_it_works_inside_a_graph(x):
    layer = LSTM(4, name="memory")
    layer.build((None, None, 3))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, None, 3])])
    def graph(sequences):
        return record_gates(lambda: layer(sequences))[1]["memory"].f

    _, gates = record_gates(lambda: layer(x))
    np.testing.assert_allclose(graph(x), gates["memory"].f, atol=1e-6)


def test_a_masked_step_leaves_everything_as_it_was(x):
    layer = LSTM(4, return_sequences=True, return_state=True, name="memory")
    (*_, h, c), gates = record_gates(lambda: layer(x, mask=MASK))
    recorded = values(gates["memory"])
    for name in NAMES:
        np.testing.assert_array_equal(recorded[name][0, 2], recorded[name][0, 1])
    np.testing.assert_allclose(recorded["c"][:, -1], c, atol=1e-5)
    np.testing.assert_allclose(recorded["h"][:, -1], h, atol=1e-5)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("mask", [None, MASK])
def test_what_is_held_of_all_timesteps_is_the_cell_state(x, mask, backwards):
    layer = LSTM(4, go_backwards=backwards, name="memory")
    _, gates = record_gates(lambda: layer(x, mask=mask))
    gates = gates["memory"]
    for row in range(2):
        terms = contributions(gates, row)
        assert terms.shape == (6, 6, 4)
        real = np.ones(6, bool) if mask is None else mask[row]
        sums = terms.sum(axis=1)[real]
        np.testing.assert_allclose(sums, np.array(gates.c)[row][real], atol=1e-5)
        past = np.tril(np.ones((6, 6)))
        future = (past.T if backwards else past) == 0
        assert (terms[future] == 0).all()
        assert (terms[:, ~real] == 0).all()


def test_a_forgotten_timestep_is_held_no_more():
    ones = np.ones((1, 3, 1))
    f = np.array([1.0, 0.5, 0.0]).reshape(1, 3, 1)
    c = np.array([2.0, 3.0, 2.0]).reshape(1, 3, 1)
    terms = contributions(Gates(f, ones, 2 * ones, c, None, None))[..., 0]
    np.testing.assert_array_equal(terms, [[2, 0, 0], [1, 2, 0], [0, 0, 2]])


class Coupled(LSTMCell):
    """Couples the gates: i = 1 - f."""

    def step(self, z, c_prev):
        new = super().step(z, c_prev)
        c = new.f * c_prev + (1 - new.f) * new.c_tilde
        return new._replace(i=1 - new.f, c=c, h=new.o * ops.tanh(c))


class Fading(LSTMCell):
    """Loses a tenth of its cell state at each step, before the forget gate."""

    def step(self, z, c_prev):
        new = super().step(z, 0.9 * c_prev)
        return new


class Forgetful(LSTMCell):
    """Loses a tenth of its cell state in `call`, where it cannot be recorded."""

    def call(self, inputs, states, training=False):
        h, (h, c) = super().call(inputs, states, training)
        return h, [h, 0.9 * c]


def test_the_gates_of_an_own_step_are_those_that_it_computed(x):
    layer = LSTM(cell=Coupled(4), return_sequences=True, return_state=True, name="own")
    (outputs, _, c), gates = record_gates(lambda: layer(x, mask=MASK))
    gates = gates["own"]
    np.testing.assert_allclose(gates.f + gates.i, np.ones((2, 6, 4)), atol=1e-6)
    np.testing.assert_allclose(gates.c[:, -1], c, atol=1e-6)
    np.testing.assert_allclose(gates.h, outputs, atol=1e-6)
    terms = contributions(gates, row=1)
    np.testing.assert_allclose(terms.sum(axis=1), gates.c[1], atol=1e-5)


def test_contributions_that_do_not_add_up_are_refused(x):
    layer = LSTM(cell=Fading(4), name="own")
    _, gates = record_gates(lambda: layer(x))
    with pytest.raises(ValueError, match=r"must satisfy C_t = f_t.*differs from it by"):
        contributions(gates["own"])


def test_of_an_own_call_the_states_are_shown_and_no_gates(x):
    layer = LSTM(
        cell=Forgetful(4), return_sequences=True, return_state=True, name="own"
    )
    with pytest.warns(UserWarning, match="Forgetful overrides `call`: its gates"):
        (outputs, _, c), gates = record_gates(lambda: layer(x, mask=MASK))
    gates = gates["own"]
    np.testing.assert_allclose(gates.c[:, -1], c, atol=1e-6)
    np.testing.assert_allclose(gates.h, outputs, atol=1e-6)
    assert gates.f is gates.i is gates.c_tilde is gates.o is None
    with pytest.raises(ValueError, match=r"must contain f, i and.*overrides"):
        contributions(gates)


def test_contributions_leave_out_the_initial_state(x):
    layer = LSTM(4, name="memory")
    state = [np.full((2, 4), 0.3, "float32"), np.full((2, 4), -0.2, "float32")]
    _, gates = record_gates(lambda: layer(x, initial_state=state))
    gates = gates["memory"]
    rest = np.array(gates.c[0]) - contributions(gates).sum(axis=1)
    np.testing.assert_allclose(rest, -0.2 * np.cumprod(gates.f[0], axis=0), atol=1e-5)


def test_a_cell_without_these_gates_is_refused(x):
    layer = LSTM(cell=keras.layers.SimpleRNNCell(4))
    with pytest.raises(ValueError, match="`cell` must be an `LSTMCell`"):
        record_gates(lambda: layer(x))


def test_the_gates_of_a_cell_alone(x):
    layer = LSTM(4, return_sequences=True)
    outputs = layer(x)
    np.testing.assert_allclose(gates_of(layer.cell, x).h, outputs, atol=1e-5)
