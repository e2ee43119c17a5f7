"""Initializes biases so that a new cell remembers."""

import keras
from keras import ops

from lstm_layer.package import PACKAGE
from lstm_layer.step import BLOCKS


@keras.saving.register_keras_serializable(package=PACKAGE)
class ChronoBias(keras.initializers.Initializer):
    """Draws biases with which units remember for 1 to `longest` timesteps.

    ::

        b_f = log(uniform(1, longest - 1)),  b_i = -b_f,  b_C = b_o = 0

    A unit with forget bias b_f keeps a fraction of about 1 - 1 / e^{b_f} of its cell
    state at each step. So it remembers for about e^{b_f} steps. Source: Tallec and
    Ollivier 2018, "Can recurrent neural networks warp time?" (chrono initialisation).

    >>> from lstm_layer import LSTM
    >>> bias = ChronoBias(longest=100)
    >>> layer = LSTM(4, unit_forget_bias=False, bias_initializer=bias)

    Args:
        longest: Longest expected dependency in timesteps, at least 3.
        seed: Seed, an integer; None draws a random seed.

    Raises:
        ValueError: If `longest` is below 3.
    """

    def __init__(self, longest, seed=None):
        if longest < 3:
            raise ValueError(
                f"`longest` must be 3 or more. Received: longest={longest!r}."
            )
        self.longest, self.seed = longest, seed
        self._times = keras.initializers.RandomUniform(1, longest - 1, seed)

    def __call__(self, shape, dtype=None):
        """Returns biases `(4 * units,)`, packed i, f, C~, o."""
        units = shape[-1] // BLOCKS
        b_f = ops.log(self._times((units,), dtype))
        zeros = ops.zeros((2 * units,), b_f.dtype)
        return ops.concatenate([-b_f, b_f, zeros])

    def get_config(self):
        """Returns the constructor arguments of this initializer."""
        return {"longest": self.longest, "seed": self.seed}


@keras.saving.register_keras_serializable(package=PACKAGE)
class ForgetBias(keras.initializers.Initializer):
    """Sets b_f to one value, and the other biases by another initializer.

    For the value 1 use `unit_forget_bias=True` instead.

    >>> from lstm_layer import LSTM
    >>> layer = LSTM(4, unit_forget_bias=False, bias_initializer=ForgetBias(2.5))

    Args:
        value: Value of b_f.
        initializer: Initial values of the other biases.
    """

    def __init__(self, value, initializer="zeros"):
        self.value = float(value)
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, shape, dtype=None):
        """Returns biases `(4 * units,)`, packed i, f, C~, o."""
        b_i, b_f, b_c, b_o = ops.split(self.initializer(shape, dtype=dtype), BLOCKS)
        return ops.concatenate([b_i, ops.full_like(b_f, self.value), b_c, b_o])

    def get_config(self):
        """Returns the constructor arguments of this initializer."""
        return {
            "value": self.value,
            "initializer": keras.initializers.serialize(self.initializer),
        }
