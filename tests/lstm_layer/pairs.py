"""What runs a layer with the kernel and one without, and compares their results.

A subclass that changes nothing never runs through the kernel, so a layer with it is
the specification that the kernel is held to. conftest.py makes the pairs.
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
    """Returns the function as it is, beside `graph`."""
    return function


def run_pair(pair, x, *arguments, wrap=eager, **options):
    """Returns what `run` returns for each of a pair, for the second without a graph.

    Of a long sequence a graph is quicker to make than the loop is to run without.
    """
    as_written = eager if x.shape[1] < 100 else graph
    return [
        run(layer, x, *arguments, wrap=how, **options)
        for layer, how in zip(pair, (wrap, as_written), strict=True)
    ]


def run(layer, x, state, mask=None, training=True, wrap=eager):
    """Returns all results, and the gradients of a weighted sum of them."""
    function = wrap(differentiated(layer, mask, training))
    return function(tf.constant(x), [tf.constant(s) for s in state])


def differentiated(layer, mask=None, training=True):
    """Returns the function of x and the state that `run` calls."""

    def results_and_gradients(x, state):
        with tf.GradientTape() as tape:
            tape.watch([x, state])
            results = layer(x, initial_state=state, mask=mask, training=training)
            loss = 0.0
            for n, result in enumerate(results):
                places = tf.range(tf.size(result), dtype="float64")
                weights = tf.reshape(tf.cos(places + n), tf.shape(result))
                loss += tf.reduce_sum(tf.cast(weights, result.dtype) * result)
        variables = [weight.value for weight in layer.trainable_weights]
        return [*results, *tape.gradient(loss, [x, *state, *variables])]

    return results_and_gradients


def assert_close(received, expected, relative):
    for one, other in zip(received, expected, strict=True):
        one, other = np.array(one, "float64"), np.array(other, "float64")
        scale = np.abs(other).max(initial=1.0)
        np.testing.assert_allclose(one, other, rtol=relative, atol=relative * scale)
