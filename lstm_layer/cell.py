"""One step of the LSTM: the specification that everything else is held to."""

from numbers import Integral, Real

import keras
from keras import ops

# Private to Keras, and the only such import: `keras.layers.RNN` renews the dropout
# masks of a cell at each new sequence only if the cell is an instance of this class.
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

PACKAGE = "carousel"
GATES = 4


@keras.saving.register_keras_serializable(package=PACKAGE)
class LSTMCell(DropoutRNNCell, keras.layers.Layer):
    r"""Long short-term memory, one timestep.

    With the input x_t, the previous output h_{t-1} and the previous cell state
    C_{t-1}::

        group 1   f_t  = sigmoid(x_t W_f + h_{t-1} U_f + b_f)     forget gate
        group 2   i_t  = sigmoid(x_t W_i + h_{t-1} U_i + b_i)     input gate
                  C~_t = tanh(x_t W_C + h_{t-1} U_C + b_C)        candidate
                  C_t  = f_t * C_{t-1} + i_t * C~_t               new cell state
        group 3   o_t  = sigmoid(x_t W_o + h_{t-1} U_o + b_o)     output gate
                  h_t  = o_t * tanh(C_t)                          output

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory"; forget gate:
    Gers, Schmidhuber and Cummins 2000, "Learning to forget".

    The four W stand side by side in `kernel`, the four U in `recurrent_kernel` and
    the four b in `bias`, in the order i, f, C, o, so that weights move freely to and
    from `keras.layers.LSTM`. The state is always `[h, c]`.

    >>> cell = LSTMCell(3)
    >>> h, (h, c) = cell(ops.ones((2, 5)), cell.get_initial_state(batch_size=2))
    >>> tuple(h.shape), tuple(c.shape)
    ((2, 3), (2, 3))
    >>> [(w.name, tuple(w.shape)) for w in cell.weights]
    [('kernel', (5, 12)), ('recurrent_kernel', (3, 12)), ('bias', (12,))]

    Args:
        units: Size of the state and of the output, a positive integer.
        activation: Squashes the candidate and the cell state; None is linear.
        recurrent_activation: Squashes the three gates; None is linear.
        use_bias: Whether the four sums have a bias.
        kernel_initializer: Initial values of `kernel`.
        recurrent_initializer: Initial values of `recurrent_kernel`.
        bias_initializer: Initial values of `bias`, but see `forget_bias`.
        forget_bias: Initial value of b_f; 0 leaves b_f to `bias_initializer`. By
            default 1: a new cell remembers (Jozefowicz, Zaremba and Sutskever 2015).
        unit_forget_bias: As Keras names it: True is `forget_bias=1`, False is
            `forget_bias=0`.
        kernel_regularizer: Penalty on `kernel`.
        recurrent_regularizer: Penalty on `recurrent_kernel`.
        bias_regularizer: Penalty on `bias`.
        kernel_constraint: Constraint on `kernel`.
        recurrent_constraint: Constraint on `recurrent_kernel`.
        bias_constraint: Constraint on `bias`.
        dropout: Fraction of the input features dropped in training; one mask a
            sequence serves all its timesteps (Gal and Ghahramani 2016).
        recurrent_dropout: The same for h_{t-1}.
        weight_drop: Fraction of the entries of `recurrent_kernel` dropped in training;
            one mask a sequence serves all its timesteps and the whole batch (Wan et
            al. 2013; Merity, Keskar and Socher 2018).
        seed: Seed of the dropout masks, an integer; None is another one each time.

    Raises:
        ValueError: If an argument is out of its range, or both `forget_bias` and
            `unit_forget_bias` are given.
    """

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
        forget_bias=None,
        unit_forget_bias=None,
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
        self.forget_bias = _forget_bias(forget_bias, unit_forget_bias)
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
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed=seed)
        self.state_size = [self.units, self.units]
        self.output_size = self.units

    def build(self, input_shape):
        """Creates the weights for inputs of shape `(batch, features)`."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], GATES * self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, GATES * self.units),
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(GATES * self.units,),
                initializer=self._initial_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.built = True

    def call(self, inputs, states, training=False):
        """Takes one step.

        Args:
            inputs: x_t, `(batch, features)`.
            states: `[h_prev, c_prev]`, each `(batch, units)`.
            training: Whether dropout applies.

        Returns:
            `(h, [h, c])`, each `(batch, units)`.
        """
        h_prev, c_prev = states
        if training and self.dropout:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout:
            h_prev = h_prev * self.get_recurrent_dropout_mask(h_prev)
        recurrent_kernel = self.recurrent_kernel
        if training and self.weight_drop:
            recurrent_kernel = recurrent_kernel * self.get_weight_drop_mask()

        # The sums inside the four activations, all in one product: (batch, 4 * units).
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h_prev, recurrent_kernel)
        if self.use_bias:
            z = z + self.bias
        z_i, z_f, z_c, z_o = ops.split(z, GATES, axis=-1)

        # Group 1, forget gate: what to keep of the previous cell state.
        f = self.recurrent_activation(z_f)

        # Group 2, input gate and candidate: what to write; then the new cell state.
        i = self.recurrent_activation(z_i)
        c_tilde = self.activation(z_c)
        c = f * c_prev + i * c_tilde

        # Group 3, output gate: what to show of the cell state.
        o = self.recurrent_activation(z_o)
        h = o * self.activation(c)
        return h, [h, c]

    def get_recurrent_dropout_mask(self, step_input):
        """Returns the factors on h_{t-1}, the same until they are reset.

        `keras.layers.RNN` asks for them before its loop, which is where those on the
        weights have to be drawn as well.
        """
        if self.weight_drop:
            self.get_weight_drop_mask()
        return super().get_recurrent_dropout_mask(step_input)

    def get_weight_drop_mask(self):
        """Returns the factors on `recurrent_kernel`, the same until they are reset."""
        if self._weight_drop_mask is None:
            self._weight_drop_mask = keras.random.dropout(
                ops.ones_like(self.recurrent_kernel),
                self.weight_drop,
                seed=self.seed_generator,
            )
        return self._weight_drop_mask

    def reset_recurrent_dropout_mask(self):
        """Forgets the masks of h_{t-1} and of its weights: a new sequence begins."""
        super().reset_recurrent_dropout_mask()
        self._weight_drop_mask = None

    def get_initial_state(self, batch_size=None):
        """Returns `[h, c]` of zeros, each `(batch_size, units)`."""
        shape = (batch_size, self.units)
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in self.state_size]

    def get_config(self):
        """Returns the arguments that make this cell again."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "recurrent_activation": keras.activations.serialize(
                self.recurrent_activation
            ),
            "use_bias": self.use_bias,
            "forget_bias": self.forget_bias,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "weight_drop": self.weight_drop,
            "seed": self.seed,
            **{
                f"{weight}_{kind}": getattr(keras, f"{kind}s").serialize(
                    getattr(self, f"{weight}_{kind}")
                )
                for weight in ("kernel", "recurrent", "bias")
                for kind in ("initializer", "regularizer", "constraint")
            },
        }

    def _initial_bias(self, shape, dtype=None):
        bias = self.bias_initializer(shape, dtype=dtype)
        if not self.forget_bias:
            return bias
        b_i, b_f, b_c, b_o = ops.split(bias, GATES)
        return ops.concatenate([b_i, ops.full_like(b_f, self.forget_bias), b_c, b_o])


def _positive_integer(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral) or value <= 0:
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={value!r}."
        )
    return int(value)


def _fraction(name, value):
    if not isinstance(value, Real) or not 0.0 <= value < 1.0:
        raise ValueError(
            f"`{name}` must be a fraction, at least 0 and below 1. "
            f"Received: {name}={value!r}."
        )
    return float(value)


def _forget_bias(forget_bias, unit_forget_bias):
    if forget_bias is not None and unit_forget_bias is not None:
        raise ValueError(
            "Give `forget_bias` or `unit_forget_bias`, not both: they say the same. "
            f"Received: forget_bias={forget_bias!r}, "
            f"unit_forget_bias={unit_forget_bias!r}."
        )
    if forget_bias is None:
        return 1.0 if unit_forget_bias is None or unit_forget_bias else 0.0
    return float(forget_bias)
