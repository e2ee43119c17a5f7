"""What runs a layer with the kernel and one without, and compares their results.

A subclass that changes nothing never runs through the kernel, so a layer with it is
the specification that the kernel is held to. conftest.py makes the pairs.
"""

import numpy as np
import tensorflow as tf

from lstm_layer import LSTMCell

FEATURES, UNITS = 2, 5


class AsWritten(LSTMCell):
    pass


def run(layer, x, state, mask=None, training=True, wrap=lambda function: function):
    """Returns all results, and the gradients of a random loss of them."""

    def results_and_gradients(x, state):
        with tf.GradientTape() as tape:
            tape.watch([x, state])
            results = layer(x, initial_state=state, mask=mask, training=training)
            loss = 0.0
            for n, result in enumerate(results):
                weights = tf.random.stateless_normal(tf.shape(result), (3, n))
                loss += tf.reduce_sum(tf.cast(weights, result.dtype) * result)
        variables = [weight.value for weight in layer.trainable_weights]
        return [*results, *tape.gradient(loss, [x, *state, *variables])]

    return wrap(results_and_gradients)(tf.constant(x), [tf.constant(s) for s in state])


def assert_close(received, expected, relative):
    for one, other in zip(received, expected, strict=True):
        one, other = np.array(one, "float64"), np.array(other, "float64")
        scale = np.abs(other).max(initial=1.0)
        np.testing.assert_allclose(one, other, rtol=relative, atol=relative * scale)
