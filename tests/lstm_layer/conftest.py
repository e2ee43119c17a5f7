"""Provides the fixtures of the LSTM's tests: oracle, random numbers, masks, pairs.

There are three references. The NumPy oracle checks the cell and the sequence. The cell
run step by step (`AsWritten`) checks the fast loop. Keras's layer checks names,
configs, defaults and a few numbers.

All sizes differ, so that a swapped axis cannot pass: a batch of 3, 4 timesteps,
2 features, 5 units.
"""

import functools

import keras
import numpy as np
import pytest

from lstm_layer import LSTM, kernel, schedule
from tests.lstm_layer.pairs import FEATURES, UNITS, AsWritten, graph

BATCH, TIMESTEPS = 3, 4


def _right_padded(*lengths):
    return np.arange(TIMESTEPS) < np.array(lengths)[:, None]


MASKS = {
    "no mask": None,
    "right-padded": _right_padded(4, 1, 3),
    "left-padded": _right_padded(4, 1, 3)[:, ::-1],
    "holes": np.array(
        [
            [1, 0, 1, 1],
            [0, 1, 0, 1],
            [1, 1, 0, 0],
        ],
        dtype=bool,
    ),
    "a row masked whole": _right_padded(4, 0, 2),
}


@pytest.fixture(autouse=True)
def _one_core(monkeypatch):
    """Keeps batches in one part on any machine; tests of parts set more cores."""
    monkeypatch.setattr(schedule, "_cores", lambda: 1)


class Oracle:
    """Computes the six equations in NumPy and float64, one gate at a time."""

    def __init__(self, weights, activation=np.tanh, recurrent_activation=None):
        kernel, recurrent_kernel, *bias = [w.astype("float64") for w in weights]
        self.units = len(recurrent_kernel)
        bias = bias[0] if bias else np.zeros(4 * self.units)
        self.w_i, self.w_f, self.w_c, self.w_o = self._cut(kernel)
        self.u_i, self.u_f, self.u_c, self.u_o = self._cut(recurrent_kernel)
        self.b_i, self.b_f, self.b_c, self.b_o = self._cut(bias)
        self.activation = activation
        self.recurrent_activation = recurrent_activation or self.sigmoid

    def _cut(self, packed):
        return [packed[..., k * self.units : (k + 1) * self.units] for k in range(4)]

    @staticmethod
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def step(self, x, h_prev, c_prev):
        f = self.recurrent_activation(x @ self.w_f + h_prev @ self.u_f + self.b_f)
        i = self.recurrent_activation(x @ self.w_i + h_prev @ self.u_i + self.b_i)
        c_tilde = self.activation(x @ self.w_c + h_prev @ self.u_c + self.b_c)
        c = f * c_prev + i * c_tilde
        o = self.recurrent_activation(x @ self.w_o + h_prev @ self.u_o + self.b_o)
        h = o * self.activation(c)
        return h, c

    def sequence(self, x, state=None, mask=None, go_backwards=False):
        """Returns all outputs and the last h and C; a row skips masked timesteps."""
        batch, timesteps, _ = x.shape
        h_start, c_start = state or np.zeros((2, batch, self.units))
        outputs = np.zeros((batch, timesteps, self.units))
        h_end, c_end = np.zeros((2, batch, self.units))
        order = range(timesteps)[::-1] if go_backwards else range(timesteps)
        for row in range(batch):
            h, c, output = h_start[row], c_start[row], np.zeros(self.units)
            for place, t in enumerate(order):
                if mask is None or mask[row, t]:
                    h, c = self.step(x[row, t], h, c)
                    output = h
                outputs[row, place] = output
            h_end[row], c_end[row] = h, c
        return outputs, h_end, c_end


@pytest.fixture
def oracle():
    return Oracle


@pytest.fixture
def draw():
    generator = np.random.default_rng(1997)

    def draw_normal(*shape, dtype="float32"):
        return generator.normal(size=shape).astype(dtype)

    return draw_normal


@pytest.fixture
def x(draw):
    return draw(BATCH, TIMESTEPS, FEATURES)


@pytest.fixture
def state(draw):
    return [draw(BATCH, UNITS), draw(BATCH, UNITS)]


@pytest.fixture(params=MASKS)
def mask(request):
    return MASKS[request.param]


@pytest.fixture
def holes():
    """Returns the mask for tests in which one mask is enough."""
    return MASKS["holes"]


@pytest.fixture
def randomize(draw):
    """Sets random weights in a built layer or model."""

    def set_random_weights(layer):
        layer.set_weights([0.7 * draw(*w.shape, dtype=w.dtype) for w in layer.weights])
        return layer

    return set_random_weights


@pytest.fixture
def make_layer(randomize):
    """Makes a built `LSTM` with random weights."""

    def make(units=UNITS, **options):
        layer = LSTM(units, **options)
        layer.build((BATCH, TIMESTEPS, FEATURES))
        return randomize(layer)

    return make


@pytest.fixture
def make_twins(make_layer):
    """Makes an `LSTM` and a `keras.layers.LSTM` that have the same random weights."""

    def make(units=UNITS, **options):
        ours = make_layer(units, **options)
        theirs = keras.layers.LSTM(units, **options)
        theirs.build((BATCH, TIMESTEPS, FEATURES))
        theirs.set_weights(ours.get_weights())
        return ours, theirs

    return make


@pytest.fixture
def make_pair(randomize):
    """Makes a layer with the fast loop and one without, with the same weights."""

    def make(features=FEATURES, dtype="float32", of_layer=None, **of_cell):
        of_layer = {"return_sequences": True, "return_state": True, **(of_layer or {})}
        fast = LSTM(UNITS, **of_cell, **of_layer, dtype=dtype)
        slow = LSTM(cell=AsWritten(UNITS, **of_cell, dtype=dtype), **of_layer)
        slow.dtype_policy = fast.dtype_policy
        for layer in (fast, slow):
            layer.build((None, None, features))
        slow.set_weights(randomize(fast).get_weights())
        assert fast.uses_kernel
        assert not slow.uses_kernel
        return fast, slow

    return make


@pytest.fixture
def inputs(draw):
    def make(batch=3, timesteps=4, features=FEATURES, dtype="float32"):
        x = draw(batch, timesteps, features, dtype=dtype)
        return x, [draw(batch, UNITS, dtype=dtype) for _ in range(2)]

    return make


@pytest.fixture
def xla_left_out(monkeypatch):
    """Runs the loops that XLA would compile by TensorFlow, which is much faster."""
    monkeypatch.setenv("CAROUSEL_XLA", "1")
    monkeypatch.setattr(kernel, "_compiled", functools.cache(graph))
    schedule._graph.cache_clear()
    yield
    schedule._graph.cache_clear()
