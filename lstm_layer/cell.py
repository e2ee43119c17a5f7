"""Defines the cell: the weights of an LSTM, and one step with them."""

import keras
from keras import ops

from lstm_layer.options import CellOptions
from lstm_layer.package import PACKAGE
from lstm_layer.step import lstm_step


@keras.saving.register_keras_serializable(package=PACKAGE)
class LSTMCell(CellOptions):
    r"""Computes one timestep of an LSTM (long short-term memory).

    The input is x_t, the previous output h_{t-1}, the previous cell state C_{t-1}::

        group 1   f_t  = sigmoid(x_t W_f + h_{t-1} U_f + b_f)     forget gate
        group 2   i_t  = sigmoid(x_t W_i + h_{t-1} U_i + b_i)     input gate
                  C~_t = tanh(x_t W_C + h_{t-1} U_C + b_C)        candidate values
                  C_t  = f_t * C_{t-1} + i_t * C~_t               new cell state
        group 3   o_t  = sigmoid(x_t W_o + h_{t-1} U_o + b_o)     output gate
                  h_t  = o_t * tanh(C_t)                          output

    `sums` computes the four sums in the brackets; `lstm_layer/step.py` does the rest.
    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory"; forget gate:
    Gers, Schmidhuber and Cummins 2000, "Learning to forget".

    `kernel` holds the four W side by side, in the order i, f, C~, o;
    `recurrent_kernel` holds the four U and `bias` the four b in the same order. Keras
    uses this order too, so weights can be copied to and from `keras.layers.LSTM`. The
    state is always `[h, c]`.

    >>> cell = LSTMCell(3)
    >>> h, (h, c) = cell(ops.ones((2, 5)), cell.get_initial_state(batch_size=2))
    >>> tuple(h.shape), tuple(c.shape)
    ((2, 3), (2, 3))
    >>> [(w.name, tuple(w.shape)) for w in cell.weights]
    [('kernel', (5, 12)), ('recurrent_kernel', (3, 12)), ('bias', (12,))]

    Args:
        units: Size of the state and of the output, a positive integer.
        activation: Function of the candidate and of the cell state; None is linear.
        recurrent_activation: Function of the three gates; None is linear.
        use_bias: Whether to add a bias to the four sums.
        kernel_initializer: Initial values of `kernel`.
        recurrent_initializer: Initial values of `recurrent_kernel`.
        bias_initializer: Initial values of `bias`, except b_f where
            `unit_forget_bias` is True.
        unit_forget_bias: Whether b_f starts at 1, so that a new cell remembers
            (Jozefowicz, Zaremba and Sutskever 2015).
        kernel_regularizer: Penalty on `kernel`.
        recurrent_regularizer: Penalty on `recurrent_kernel`.
        bias_regularizer: Penalty on `bias`.
        kernel_constraint: Constraint on `kernel`.
        recurrent_constraint: Constraint on `recurrent_kernel`.
        bias_constraint: Constraint on `bias`.
        dropout: Fraction of the input features that training sets to zero, from 0 to
            below 1. All timesteps of a sequence share one mask (Gal and Ghahramani
            2016).
        recurrent_dropout: Fraction of h_{t-1} that training sets to zero, with one
            mask per sequence as for `dropout`.
        weight_drop: Fraction of the entries of `recurrent_kernel` that training sets
            to zero. All timesteps and all rows of a batch share one mask (Wan et al.
            2013; Merity, Keskar and Socher 2018).
        seed: Seed of the dropout masks, an integer; None draws a random seed.
        implementation: Accepted for compatibility with Keras; has no effect.

    Raises:
        ValueError: If `units` is not a positive integer or a dropout is not a
            fraction.
    """

    def call(self, inputs, states, training=False):
        """Computes one step.

        Args:
            inputs: x_t, `(batch, features)`.
            states: `[h_prev, c_prev]`, each `(batch, units)`.
            training: Whether to apply dropout.

        Returns:
            `(h, [h, c])`, each `(batch, units)`.
        """
        new = self.step(self.sums(inputs, states[0], training), states[1])
        return new.h, [new.h, new.c]

    def sums(self, inputs, h_prev, training=False):
        """Returns x_t W + h_{t-1} U + b, `(batch, 4 * units)`, packed i, f, C~, o."""
        if training and self.dropout:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout:
            h_prev = h_prev * self.get_recurrent_dropout_mask(h_prev)
        recurrent_kernel = self.recurrent_kernel
        if training and self.weight_drop:
            recurrent_kernel = recurrent_kernel * self.get_weight_drop_mask()
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h_prev, recurrent_kernel)
        return z + self.bias if self.use_bias else z

    def step(self, z, c_prev):
        """Computes a `Step` from the sums and C_{t-1}; override it for other gates.

        A cell whose sums read other values, such as one with peepholes, overrides
        `call` instead. `record_gates` cannot record the gates of such a cell.
        """
        return lstm_step(z, c_prev, self.activation, self.recurrent_activation)
