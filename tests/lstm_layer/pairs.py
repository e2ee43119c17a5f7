"""Runs a layer with the fast loop and one without it, and compares their results.

Subclasses of `LSTMCell` never use the fast loop. So a layer with an unchanged subclass
is the reference for the fast loop. The fixture `make_pair` makes both.
"""

import functools

import numpy as np
import tensorflow as tf

from lstm_layer import LSTMCell

FEATURES, UNITS = 2, 5


class AsWritten(LSTMCell):
    pass


graph = functools.partial(tf.function, autograph=False)


def eager(function):
    """Returns the function unchanged; the counterpart of `graph`."""
    return function


def run_pair(pair, x, *arguments, wrap=eager, **options):
    """Calls `run` with both layers of a pair and returns both results.

    The second layer runs eagerly, except on long sequences, where tracing a graph takes
    less time than the eager loop.
    """
    as_written = eager if x.shape[1] < 100 else graph
    return [
        run(layer, x, *arguments, wrap=how, **options)
        for layer, how in zip(pair, (wrap, as_written), strict=True)
    ]


def run(layer, x, state, mask=None, training=True, wrap=eager):
    """Returns the layer's results, and the gradients of a weighted sum of them."""
    function = wrap(differentiated(layer, mask, training))
    return function(tf.constant(x), [tf.constant(s) for s in state])


def differentiated(layer, mask=None, training=True):
    """Returns a function of x and the state: the results and gradients of a layer."""

    def results_and_gradients(x, state):
        with tf.GradientTape() as tape:
            tape.watch([x, state])
            results = layer(x, initial_state=state, mask=mask, training=training)
            loss = 0.0
            for n, result in enumerate(results):
                indices = tf.range(tf.size(result), dtype="float64")
                weights = tf.reshape(tf.cos(indices + n), tf.shape(result))
                loss += tf.reduce_sum(tf.cast(weights, result.dtype) * result)
        variables = [weight.value for weight in layer.trainable_weights]
        return [*results, *tape.gradient(loss, [x, *state, *variables])]

    return results_and_gradients


def assert_close(received, expected, relative):
    for one, other in zip(received, expected, strict=True):
        one, other = np.array(one, "float64"), np.array(other, "float64")
        scale = np.abs(other).max(initial=1.0)
        np.testing.assert_allclose(one, other, rtol=relative, atol=relative * scale)
