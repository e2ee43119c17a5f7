"""Checks the options of the cell, creates its weights and masks, saves its config."""

from numbers import Integral, Real

import keras
from keras import ops

# Private in Keras, and the only such import. `keras.layers.RNN` draws new dropout masks
# for each sequence only if the cell is an instance of this class.
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

from lstm_layer.initializers import ForgetBias
from lstm_layer.step import BLOCKS

_GRID = tuple(
    (weight, kind)
    for weight in ("kernel", "recurrent", "bias")
    for kind in ("initializer", "regularizer", "constraint")
)
# Options of the cell that are attributes of the layer too, as in `keras.layers.LSTM`.
CELL_OPTIONS = (
    "units",
    "activation",
    "recurrent_activation",
    "use_bias",
    "unit_forget_bias",
    *(f"{weight}_{kind}" for weight, kind in _GRID),
    "dropout",
    "recurrent_dropout",
    "weight_drop",
)


class CellOptions(DropoutRNNCell, keras.layers.Layer):
    """Holds the options of `LSTMCell`, its subclass, which documents the arguments."""

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        *,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        weight_drop=0.0,
        seed=None,
        implementation=2,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = _positive_integer("units", units)
        self.activation = keras.activations.get(activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.unit_forget_bias = bool(unit_forget_bias)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.dropout = _fraction("dropout", dropout)
        self.recurrent_dropout = _fraction("recurrent_dropout", recurrent_dropout)
        self.weight_drop = _fraction("weight_drop", weight_drop)
        self._weight_drop_mask = None
        self.implementation = implementation
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed=seed)
        self.state_size = [self.units, self.units]
        self.output_size = self.units

    def build(self, input_shape):
        """Creates the weights for inputs of shape `(batch, features)`."""
        self.kernel = self._add_weight("kernel", (input_shape[-1], BLOCKS * self.units))
        self.recurrent_kernel = self._add_weight(
            "recurrent_kernel", (self.units, BLOCKS * self.units)
        )
        self.bias = (
            self._add_weight("bias", (BLOCKS * self.units,)) if self.use_bias else None
        )
        self.built = True

    def _add_weight(self, name, shape):
        prefix = name.removesuffix("_kernel")
        initializer = getattr(self, f"{prefix}_initializer")
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self._initial_bias if name == "bias" else initializer,
            regularizer=getattr(self, f"{prefix}_regularizer"),
            constraint=getattr(self, f"{prefix}_constraint"),
        )

    def _initial_bias(self, shape, dtype=None):
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype=dtype)
        b_i = self.bias_initializer((self.units,), dtype=dtype)
        b_c_and_o = self.bias_initializer((2 * self.units,), dtype=dtype)
        return ops.concatenate([b_i, ops.ones((self.units,), dtype=dtype), b_c_and_o])

    def get_recurrent_dropout_mask(self, step_input):
        """Returns the dropout mask of h_{t-1}; draws it if a reset deleted it.

        `keras.layers.RNN` calls this before its loop, where the mask of the recurrent
        kernel must be drawn as well.
        """
        if self.weight_drop:
            self.get_weight_drop_mask()
        return super().get_recurrent_dropout_mask(step_input)

    def get_weight_drop_mask(self):
        """Returns the mask of `recurrent_kernel`; draws it if a reset deleted it."""
        if self._weight_drop_mask is None:
            self._weight_drop_mask = keras.random.dropout(
                ops.ones_like(self.recurrent_kernel),
                self.weight_drop,
                seed=self.seed_generator,
            )
        return self._weight_drop_mask

    def reset_recurrent_dropout_mask(self):
        """Deletes the masks of h_{t-1} and `recurrent_kernel`, for a new sequence."""
        super().reset_recurrent_dropout_mask()
        self._weight_drop_mask = None

    def get_initial_state(self, batch_size=None):
        """Returns `[h, c]` of zeros, each `(batch_size, units)`."""
        shape = (batch_size, self.units)
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in self.state_size]

    def get_config(self):
        """Returns the constructor arguments of this cell."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "recurrent_activation": keras.activations.serialize(
                self.recurrent_activation
            ),
            "use_bias": self.use_bias,
            "unit_forget_bias": self.unit_forget_bias,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "weight_drop": self.weight_drop,
            "seed": self.seed,
            **{
                f"{weight}_{kind}": getattr(keras, f"{kind}s").serialize(
                    getattr(self, f"{weight}_{kind}")
                )
                for weight, kind in _GRID
            },
        }

    @classmethod
    def from_config(cls, config):
        """Creates a cell from a config of this class or of `keras.layers.LSTMCell`.

        Old configs, with `forget_bias` instead of `unit_forget_bias`, are accepted.
        """
        return cls(**without_forget_bias(config))


def without_forget_bias(config):
    """Replaces the old option `forget_bias` in a config by `unit_forget_bias`.

    Values other than 0 and 1 become a `bias_initializer`. Returns a new dictionary.
    """
    config = dict(config)
    if "forget_bias" in config:
        value = config.pop("forget_bias")
        config["unit_forget_bias"] = value == 1
        if value not in (0, 1):
            config["bias_initializer"] = ForgetBias(value, config["bias_initializer"])
    return config


def _positive_integer(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral) or value <= 0:
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={value!r}."
        )
    return int(value)


def _fraction(name, value):
    if not isinstance(value, Real) or not 0.0 <= value < 1.0:
        raise ValueError(
            f"`{name}` must be a fraction from 0 to below 1. "
            f"Received: {name}={value!r}."
        )
    return float(value)
