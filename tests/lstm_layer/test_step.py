"""Tests the equations, and that an edit of them takes effect everywhere."""

import importlib
from dataclasses import asdict

import keras
import numpy as np
import pytest
import tensorflow as tf

from lstm_layer import LSTM, cell, gradient, kernel, step
from lstm_layer.gates import record_gates

BATCH, TIMESTEPS, FEATURES, UNITS = 3, 4, 2, 5
APPS = {  # arguments of `build_model` that are not in the configuration
    "language_modeling": (50,),
    "sentiment": (50, 2, 50),
    "speech_commands": (12, 40),
    "summarization": (50,),
    "question_answering": (50, 50, 6),
}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_is_the_tutorials_equations(draw, dtype):
    z_i, z_f, z_c, z_o, c_prev = draw(5, BATCH, UNITS, dtype=dtype)
    z = np.concatenate([z_i, z_f, z_c, z_o], axis=-1)
    new = step.lstm_step(tf.constant(z), tf.constant(c_prev))
    f, i, o, c_tilde = sigmoid(z_f), sigmoid(z_i), sigmoid(z_o), np.tanh(z_c)
    c = f * c_prev + i * c_tilde
    expected = step.Step(f=f, i=i, c_tilde=c_tilde, c=c, o=o, h=o * np.tanh(c))
    for name, value in expected._asdict().items():
        np.testing.assert_allclose(getattr(new, name), value, rtol=1e-6)
        assert getattr(new, name).dtype == dtype


def edited_step(z, c_prev, activation=np.tanh, recurrent_activation=None):
    """Computes the equations with the forget gate halved."""
    new = step_as_written(z, c_prev, keras.activations.tanh, keras.activations.sigmoid)
    f = 0.5 * new.f
    c = f * c_prev + new.i * new.c_tilde
    return new._replace(f=f, c=c, h=new.o * keras.activations.tanh(c))


step_as_written = step.lstm_step


@pytest.fixture
def edit(monkeypatch):
    """Replaces `lstm_step` in every module that imports it."""

    def edit_step():
        for module in (step, cell, kernel):
            monkeypatch.setattr(module, "lstm_step", edited_step)

    gradient.gradient_is_current.cache_clear()
    yield edit_step
    gradient.gradient_is_current.cache_clear()


@pytest.fixture
def edited(edit):
    edit()


def edited_oracle(oracle, weights):
    class Edited(oracle):
        def step(self, x, h_prev, c_prev):
            f = 0.5 * sigmoid(x @ self.w_f + h_prev @ self.u_f + self.b_f)
            i = sigmoid(x @ self.w_i + h_prev @ self.u_i + self.b_i)
            c_tilde = np.tanh(x @ self.w_c + h_prev @ self.u_c + self.b_c)
            c = f * c_prev + i * c_tilde
            o = sigmoid(x @ self.w_o + h_prev @ self.u_o + self.b_o)
            return o * np.tanh(c), c

    return Edited(weights)


def test_an_edited_gate_changes_outputs_and_says_once_that_the_loop_is_slow(
    oracle, edited, make_layer, x
):
    lstm = make_layer(return_sequences=True, return_state=True)
    with pytest.warns(UserWarning, match=r"lstm_step was changed.*slower loop"):
        results = lstm(x)
    again = lstm(x)  # a second warning would be an error
    expected = edited_oracle(oracle, lstm.get_weights()).sequence(x)
    for result, other, value in zip(results, again, expected, strict=True):
        np.testing.assert_allclose(result, value, atol=1e-5)
        np.testing.assert_array_equal(result, other)


@pytest.mark.filterwarnings("ignore:lstm_layer.step.lstm_step was changed")
def test_an_edited_gate_is_trained_with_its_own_gradient(oracle, edited, draw):
    lstm = LSTM(UNITS, dtype="float64")
    x = draw(BATCH, TIMESTEPS, FEATURES, dtype="float64")
    lstm.build(x.shape)
    weights = lstm.get_weights()

    @tf.function(autograph=False)
    def gradient_of_x(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(lstm(x, training=True))
        return tape.gradient(total, x)

    direction, epsilon = draw(*x.shape, dtype="float64"), 1e-6
    up, down = (
        edited_oracle(oracle, weights).sequence(x + e * direction)[0][:, -1].sum()
        for e in (epsilon, -epsilon)
    )
    derivative = np.sum(direction * gradient_of_x(tf.constant(x)))
    assert derivative == pytest.approx((up - down) / (2 * epsilon), rel=1e-6)


@pytest.mark.filterwarnings("ignore:lstm_layer.step.lstm_step was changed")
def test_an_edited_gate_is_the_one_that_is_recorded(edited, make_layer, x):
    lstm = make_layer(return_sequences=True, name="memory")
    outputs, gates = record_gates(lambda: lstm(x))
    assert np.max(gates["memory"].f) < 0.5
    np.testing.assert_allclose(gates["memory"].h, outputs, atol=1e-6)


@pytest.mark.filterwarnings("ignore:lstm_layer.step.lstm_step was changed")
@pytest.mark.parametrize("app", APPS)
def test_an_edited_gate_changes_the_answers_of_every_app(app, edit, draw, randomize):
    config = importlib.import_module(f"apps.{app}.config").Config()
    build_model = importlib.import_module(f"apps.{app}.model").build_model
    settings = {**asdict(config.model), "units": 8}
    settings.pop("pretrained", None)
    model = randomize(build_model(*APPS[app], **settings))
    inputs = {tensor.name: _random_input(tensor, draw) for tensor in model.inputs}
    if len(inputs) == 1:
        (inputs,) = inputs.values()
    before, _ = record_gates(lambda: model(inputs))
    edit()
    after, _ = record_gates(lambda: model(inputs))
    one, other = (np.array(keras.tree.flatten(output)[0]) for output in (before, after))
    assert np.isfinite(one).any()
    assert np.nanmax(np.abs(np.where(np.isfinite(one), one - other, 0))) > 1e-3


def _random_input(tensor, draw):
    shape = [BATCH if size is None else size for size in tensor.shape]
    if "float" in tensor.dtype:
        return draw(*shape)
    return np.random.default_rng(3).integers(2, 20, shape).astype(tensor.dtype)


def test_the_gradient_by_hand_is_held_to_the_equations():
    assert gradient.gradient_is_of(step_as_written)
    assert not gradient.gradient_is_of(edited_step)
