"""Cells with edited equations, for tests that change a gate."""

import keras

from lstm_layer import LSTMCell


class NoInputGate(LSTMCell):
    """Adds the whole candidate to the cell state, without an input gate."""

    def call(self, inputs, states, training=False):
        h_prev, c_prev = states
        z = inputs @ self.kernel + h_prev @ self.recurrent_kernel + self.bias
        _, z_f, z_c, z_o = keras.ops.split(z, 4, axis=-1)
        c = keras.ops.sigmoid(z_f) * c_prev + keras.ops.tanh(z_c)
        h = keras.ops.sigmoid(z_o) * keras.ops.tanh(c)
        return h, [h, c]
