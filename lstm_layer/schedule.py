"""Runs the LSTM over a batch: cuts it into parts, shares graphs, defines gradients.

- In a graph the batch is cut into as many parts as there are cores, where it has enough
  rows; their loops run side by side. Outside training this needs a batch whose size is
  known, so that a saved model is the same whichever machine wrote it.
- Layers of one shape share one graph.
- The first gradient is written by hand (`gradient.py`). The second one comes from a
  loop that TensorFlow can differentiate.
"""

import functools
import itertools
import math
import os
from typing import NamedTuple

import tensorflow as tf

# Private to TensorFlow: whether a `tf.autodiff.ForwardAccumulator` follows a tensor. In
# a graph it silently ignores the gradient of a `tf.custom_gradient`.
from tensorflow.python.eager.forwardprop_util import pack_tangents

from lstm_layer.chunks import (
    backward_in_chunks,
    forward_in_chunks,
    is_one_chunk,
    mask_time_first,
    time_first,
)
from lstm_layer.kernel import Weights, differentiable

# Bytes of a recurrent kernel, about what a core's cache holds. Each part reads it at
# every step: above this size parts only compete for memory.
LARGE_BYTES = 2**21
# Multiplications of a part with kernel: below it XLA compiles the products along with
# the loop, above it TensorFlow's own are faster.
SMALL = 2**24
MAX_INFERENCE_PARTS = 8
MIN_ROWS_PER_PART = 8  # outside training; with fewer, a part only costs


_options = tf.compat.v1.ConfigProto()
_options.graph_options.rewrite_options.disable_meta_optimizer = True
NOT_OPTIMIZED = _options.SerializeToString()


class Inputs(NamedTuple):
    """What differs from row to row; a part has some of the rows."""

    x: tf.Tensor  # (batch, timesteps, features)
    h: tf.Tensor  # (batch, units), before the first timestep
    c: tf.Tensor  # (batch, units), before the first timestep
    mask: tf.Tensor | None  # (batch, timesteps), True for a real timestep
    h_mask: tf.Tensor | None  # (batch, units), recurrent dropout


def lstm_sequence(
    x, kernel, recurrent_kernel, bias, h_0, c_0, mask, h_mask, compiled, keep
):
    """Runs the LSTM over a sequence.

    Args:
        x: Inputs, `(batch, timesteps, features)`, of at least one timestep.
        kernel: `(features, 4 * units)`, packed i, f, c, o; cast to the dtype of `x`,
            like the two after it.
        recurrent_kernel: `(units, 4 * units)`, packed alike.
        bias: `(4 * units,)`, packed alike, or None.
        h_0: State before the first step, `(batch, units)`.
        c_0: Cell state before the first step, `(batch, units)`.
        mask: `(batch, timesteps)`, True for a real timestep, or None. A masked
            timestep leaves the state as it is.
        h_mask: Factors on h_{t-1}, `(batch, units)`: recurrent dropout; or None.
        compiled: Whether XLA compiles the loops, once for each shape.
        keep: Whether to keep what the gradient needs, as in training; without, a
            gradient that is asked for runs the loop again.

    Returns:
        All states h, `(batch, timesteps, units)`, and the last h and C,
        `(batch, units)` each.

    Raises:
        NotImplementedError: If a graph asks for a derivative in forward mode.
    """
    x, h_0, c_0 = map(tf.convert_to_tensor, (x, h_0, c_0))
    if bias is None:
        bias = tf.zeros(kernel.shape[-1:], x.dtype)
    weights = map(tf.convert_to_tensor, (kernel, recurrent_kernel, bias))
    weights = Weights(*(tf.cast(weight, x.dtype) for weight in weights))
    if h_mask is not None:
        h_mask = tf.stop_gradient(h_mask)  # drawn at random, but in the shape of h_0
    inputs = Inputs(x, h_0, c_0, mask, h_mask)
    followed = pack_tangents([x, h_0, c_0, *weights]).tangents
    if followed and not tf.executing_eagerly():
        raise NotImplementedError(
            "Inside a `tf.function`, `tf.autodiff.ForwardAccumulator` cannot "
            "differentiate an LSTM. Call it eagerly, or take the gradient of the "
            "gradients: tape.gradient(gradients, inputs, output_gradients=direction)."
        )
    parts = _number_of_parts(inputs, weights, compiled, keep)
    results = [_run(part, weights, compiled, keep) for part in _cut_rows(inputs, parts)]
    (batch, timesteps), units = x.shape[:2], recurrent_kernel.shape[0]
    results = [
        pieces[0] if parts == 1 else tf.concat(pieces, axis=0)
        for pieces in zip(*results, strict=True)
    ]
    for result, shape in zip(
        results, ([batch, timesteps, units], *[[batch, units]] * 2), strict=True
    ):
        result.set_shape(shape)
    return results


def _number_of_parts(inputs, weights, compiled, keep):
    batch, timesteps = inputs.x.shape[:2]
    recurrent_kernel = weights.recurrent_kernel
    size = recurrent_kernel.dtype.size * recurrent_kernel.shape.num_elements()
    # Without a graph one loop would wait for the other.
    if timesteps == 1 or (compiled and size > LARGE_BYTES) or tf.executing_eagerly():
        return 1
    if keep:  # a part without a row costs training little
        return max(1, min(_cores(), _cores() if batch is None else batch))
    if batch is None:
        return 1
    return max(1, min(_cores(), MAX_INFERENCE_PARTS, batch // MIN_ROWS_PER_PART))


def _cut_rows(inputs, count):
    """Returns `count` `Inputs` with about the same number of rows each."""
    if count == 1:
        return [inputs]
    edges = tf.shape(inputs.x)[0] * tf.range(count + 1) // count
    sizes = edges[1:] - edges[:-1]
    if (batch := inputs.x.shape[0]) is not None:
        edges = [batch * n // count for n in range(count + 1)]
        sizes = [end - start for start, end in itertools.pairwise(edges)]
    pieces = [
        [None] * count if t is None else tf.split(t, sizes, num=count) for t in inputs
    ]
    return [Inputs(*piece) for piece in zip(*pieces, strict=True)]


def _cores():
    """Returns how many loops the machine runs side by side; a GPU runs one."""
    if tf.config.list_logical_devices("GPU"):
        return 1
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    if threads or not hasattr(os, "sched_getaffinity"):  # Linux alone has it
        return threads or os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def _run(inputs, weights, compiled, keep):
    """Runs rows over all timesteps, with the gradient by hand."""
    x, h_0, c_0, mask, h_mask = inputs

    @tf.custom_gradient
    def sequence(x, kernel, recurrent_kernel, bias, h_0, c_0):
        arguments = (x, kernel, recurrent_kernel, bias, h_0, c_0)
        # Without stop_gradient TensorFlow would also differentiate the loop itself.
        stopped = [tf.stop_gradient(t) for t in arguments]
        run = _shared(forward_in_chunks, compiled, keep, (x, kernel))
        h_sequence, h, c, *kept = run(*stopped, mask, h_mask)

        @tf.custom_gradient
        def first_gradient(*tensors):
            stopped = [tf.stop_gradient(t) for t in tensors]
            inner, end = stopped[:6], stopped[6:]
            values, states = kept, h_sequence
            if not keep:  # outside training a gradient hardly ever comes
                run = _shared(forward_in_chunks, False, True, (x, kernel))
                states, _, _, *values = run(*inner, mask, h_mask)
            run = _shared(backward_in_chunks, compiled and keep, True, (x, kernel))
            gradients = run(*inner, mask, h_mask, states, values, end)
            for gradient, argument in zip(gradients, inner, strict=True):
                gradient.set_shape(argument.shape)
            return gradients, lambda *upstream: _second_gradient_graph(
                tensors, mask, h_mask, upstream
            )

        return (h_sequence, h, c), lambda *end: first_gradient(*arguments, *end)

    return sequence(x, *weights, h_0, c_0)


def _second_gradient(tensors, mask, h_mask, upstream):
    """Returns the gradients of the gradients, by way of a loop that is differentiable.

    Args:
        tensors: x, the weights, h_0, c_0, and the gradients of the three results.
        mask: As in `lstm_sequence`.
        h_mask: As in `lstm_sequence`.
        upstream: Gradients of what the first gradient returned.
    """
    arguments, end = tensors[:6], tensors[6:]
    x, kernel, recurrent_kernel, bias, h_0, c_0 = arguments
    weights = Weights(kernel, recurrent_kernel, bias)
    results = differentiable(
        time_first(x), weights, h_0, c_0, mask_time_first(mask), h_mask
    )
    gradients = tf.gradients(results, arguments, grad_ys=end)
    return tf.gradients(
        gradients, tensors, grad_ys=upstream, unconnected_gradients="zero"
    )


_second_gradient_graph = tf.function(_second_gradient, autograph=False)


def _shared(function, compiled, keep, inputs):
    """Returns the function, as one graph for all layers that call it with one shape."""
    if tf.executing_eagerly():
        return functools.partial(function, compiled, keep)
    if compiled and _is_small(*inputs):
        return _compiled_graph(function, keep)
    return functools.partial(_call, _graph(function, compiled, keep))


def _call(graph, *arguments):
    """Calls a graph without TensorFlow's optimizer, which runs once for each call."""
    concrete = graph.get_concrete_function(*arguments)
    results = tf.raw_ops.PartitionedCall(
        args=[t for t in tf.nest.flatten(arguments) if t is not None],
        Tout=[result.dtype for result in concrete.outputs],
        f=concrete,
        config_proto=NOT_OPTIMIZED,
    )
    for result, traced in zip(results, concrete.outputs, strict=True):
        result.set_shape(traced.shape)
    return tf.nest.pack_sequence_as(concrete.structured_outputs, results)


def _is_small(x, kernel):
    sizes = [*x.shape, kernel.shape[-1]]
    if None in sizes or not is_one_chunk(x.shape[1]):
        return False
    return math.prod(sizes) < SMALL


@functools.cache
def _graph(function, compiled, keep):
    return tf.function(functools.partial(function, compiled, keep), autograph=False)


@functools.cache
def _compiled_graph(function, keep):
    function = functools.partial(function, False, keep)
    return tf.function(function, autograph=False, jit_compile=True)
