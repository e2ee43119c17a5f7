"""Cells with other equations, for tests in which a gate is changed."""

import keras

from lstm_layer import LSTMCell


class NoInputGate(LSTMCell):
    """Writes the whole candidate into the cell state."""

    def call(self, inputs, states, training=False):
        h_prev, c_prev = states
        z = inputs @ self.kernel + h_prev @ self.recurrent_kernel + self.bias
        _, z_f, z_c, z_o = keras.ops.split(z, 4, axis=-1)
        c = keras.ops.sigmoid(z_f) * c_prev + keras.ops.tanh(z_c)
        h = keras.ops.sigmoid(z_o) * keras.ops.tanh(c)
        return h, [h, c]
