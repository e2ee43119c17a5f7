"""Runs the LSTM over a batch: splits it over cores, shares graphs, defines gradients.

- In a graph, a batch with enough rows is split into one part per core; the loops of the
  parts run in parallel. Outside training the batch size must be static, so that a saved
  model does not depend on the machine that wrote it.
- Layers of the same shape share one graph.
- The first gradient is written by hand (`gradient.py`). The second derivative uses a
  loop that TensorFlow differentiates.
"""

import functools
import itertools
import math
import os
from typing import NamedTuple

import tensorflow as tf

# Private in TensorFlow. It shows whether a `tf.autodiff.ForwardAccumulator` watches a
# tensor; in a graph that one silently ignores the gradient of a `tf.custom_gradient`.
from tensorflow.python.eager.forwardprop_util import pack_tangents

from lstm_layer.chunks import (
    backward_in_chunks,
    forward_in_chunks,
    is_one_chunk,
    mask_to_time_major,
    to_time_major,
)
from lstm_layer.kernel import Weights, differentiable

# Bytes of a recurrent kernel that fit in a core's cache. Every part reads the kernel at
# every step; above this size, compiled parts compete for memory bandwidth.
LARGE_BYTES = 2**21
# Multiplications in x W of a part. Below this number XLA compiles this product together
# with the loop; above it TensorFlow's matrix product is faster.
SMALL = 2**24
MAX_INFERENCE_PARTS = 8
MIN_ROWS_PER_PART = 8  # outside training; smaller parts cost more than they gain


_options = tf.compat.v1.ConfigProto()
_options.graph_options.rewrite_options.disable_meta_optimizer = True
NOT_OPTIMIZED = _options.SerializeToString()


class Inputs(NamedTuple):
    """Holds the tensors with a batch axis; a part of a batch has some of the rows."""

    x: tf.Tensor  # (batch, timesteps, features)
    h: tf.Tensor  # (batch, units): h before the first timestep
    c: tf.Tensor  # (batch, units): C before the first timestep
    mask: tf.Tensor | None  # (batch, timesteps): True for a real timestep
    h_mask: tf.Tensor | None  # (batch, units): recurrent dropout


def lstm_sequence(
    x, kernel, recurrent_kernel, bias, h_0, c_0, mask, h_mask, compiled, save
):
    """Runs the LSTM over a sequence.

    Args:
        x: Inputs, `(batch, timesteps, features)`, with at least one timestep. The
            weights are cast to their dtype.
        kernel: `(features, 4 * units)`, packed i, f, C~, o.
        recurrent_kernel: `(units, 4 * units)`, packed i, f, C~, o.
        bias: `(4 * units,)`, packed i, f, C~, o, or None.
        h_0: h before the first step, `(batch, units)`.
        c_0: Cell state before the first step, `(batch, units)`.
        mask: `(batch, timesteps)`, True for a real timestep, or None. A masked
            timestep does not change the state.
        h_mask: Recurrent dropout: factors on h_{t-1}, `(batch, units)`, or None.
        compiled: Whether XLA compiles the loops, once per shape.
        save: Whether to save what the gradient needs, as in training. If False,
            computing a gradient runs the forward loop a second time.

    Returns:
        All h, `(batch, timesteps, units)`; the last h and the last C,
        `(batch, units)` each.

    Raises:
        NotImplementedError: If forward-mode differentiation is used inside a graph.
    """
    x, h_0, c_0 = map(tf.convert_to_tensor, (x, h_0, c_0))
    if bias is None:
        bias = tf.zeros(kernel.shape[-1:], x.dtype)
    weights = map(tf.convert_to_tensor, (kernel, recurrent_kernel, bias))
    weights = Weights(*(tf.cast(weight, x.dtype) for weight in weights))
    if h_mask is not None:
        h_mask = tf.stop_gradient(h_mask)  # random; depends on h_0 only by its shape
    inputs = Inputs(x, h_0, c_0, mask, h_mask)
    tangents = pack_tangents([x, h_0, c_0, *weights]).tangents
    if tangents and not tf.executing_eagerly():
        raise NotImplementedError(
            "Inside a `tf.function`, `tf.autodiff.ForwardAccumulator` cannot "
            "differentiate an LSTM. Call it eagerly, or take the gradient of the "
            "gradients: tape.gradient(gradients, inputs, output_gradients=direction)."
        )
    parts = _number_of_parts(inputs, weights, compiled, save)
    results = [
        _run(part, weights, compiled, save) for part in _split_rows(inputs, parts)
    ]
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


def _number_of_parts(inputs, weights, compiled, save):
    """Returns the number of parts of a batch; 1 where splitting would be slower."""
    batch, timesteps = inputs.x.shape[:2]
    recurrent_kernel = weights.recurrent_kernel
    size = recurrent_kernel.dtype.size * recurrent_kernel.shape.num_elements()
    # In eager mode the loops would run one after the other.
    if timesteps == 1 or (compiled and size > LARGE_BYTES) or tf.executing_eagerly():
        return 1
    if save:  # in training an empty part costs little
        return max(1, min(_cores(), _cores() if batch is None else batch))
    if batch is None:
        return 1
    return max(1, min(_cores(), MAX_INFERENCE_PARTS, batch // MIN_ROWS_PER_PART))


def _split_rows(inputs, count):
    """Splits `Inputs` into `count` parts; their numbers of rows differ by at most 1."""
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
    """Returns how many loops the machine runs in parallel; 1 on a GPU."""
    if tf.config.list_logical_devices("GPU"):
        return 1
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    if threads or not hasattr(os, "sched_getaffinity"):  # exists on Linux only
        return threads or os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def _run(inputs, weights, compiled, save):
    """Runs one part of a batch over all timesteps, with the gradient by hand."""
    x, h_0, c_0, mask, h_mask = inputs

    @tf.custom_gradient
    def sequence(x, kernel, recurrent_kernel, bias, h_0, c_0):
        arguments = (x, kernel, recurrent_kernel, bias, h_0, c_0)
        # Without `stop_gradient` TensorFlow would differentiate the loop as well.
        stopped = [tf.stop_gradient(t) for t in arguments]
        run = _shared(forward_in_chunks, compiled, save, (x, kernel))
        h_sequence, h, c, *saved = run(*stopped, mask, h_mask)

        @tf.custom_gradient
        def first_gradient(*tensors):
            stopped = [tf.stop_gradient(t) for t in tensors]
            inner, d_results = stopped[:6], stopped[6:]
            values, states = saved, h_sequence
            if not save:  # nothing was saved: run the forward loop again
                run = _shared(forward_in_chunks, False, True, (x, kernel))
                states, _, _, *values = run(*inner, mask, h_mask)
            run = _shared(backward_in_chunks, compiled and save, True, (x, kernel))
            gradients = run(*inner, mask, h_mask, states, values, d_results)
            for gradient, argument in zip(gradients, inner, strict=True):
                gradient.set_shape(argument.shape)
            return gradients, lambda *upstream: _second_gradient_graph(
                tensors, mask, h_mask, upstream
            )

        return (h_sequence, h, c), lambda *d_results: first_gradient(
            *arguments, *d_results
        )

    return sequence(x, *weights, h_0, c_0)


def _second_gradient(tensors, mask, h_mask, upstream):
    """Backpropagates through the first gradient, using the loop `differentiable`.

    Args:
        tensors: x, the three weights, h_0, c_0, and the gradients of the three results.
        mask: As in `lstm_sequence`.
        h_mask: As in `lstm_sequence`.
        upstream: Gradients of the loss with respect to the first gradients.

    Returns:
        The gradients of the loss with respect to `tensors`.
    """
    arguments, d_results = tensors[:6], tensors[6:]
    x, kernel, recurrent_kernel, bias, h_0, c_0 = arguments
    weights = Weights(kernel, recurrent_kernel, bias)
    results = differentiable(
        to_time_major(x), weights, h_0, c_0, mask_to_time_major(mask), h_mask
    )
    gradients = tf.gradients(results, arguments, grad_ys=d_results)
    return tf.gradients(
        gradients, tensors, grad_ys=upstream, unconnected_gradients="zero"
    )


_second_gradient_graph = tf.function(_second_gradient, autograph=False)


def _shared(function, compiled, save, inputs):
    """Returns the function as a graph that all layers of the same shape share.

    In eager mode it returns the function itself.
    """
    if tf.executing_eagerly():
        return functools.partial(function, compiled, save)
    if compiled and _is_small(*inputs):
        return _compiled_graph(function, save)
    return functools.partial(_call, _graph(function, compiled, save))


def _call(graph, *arguments):
    """Calls a graph without TensorFlow's optimizer, which would run once per call."""
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
    """Returns whether x W has static sizes, one chunk and few multiplications."""
    sizes = [*x.shape, kernel.shape[-1]]
    if None in sizes or not is_one_chunk(x.shape[1]):
        return False
    return math.prod(sizes) < SMALL


@functools.cache
def _graph(function, compiled, save):
    return tf.function(functools.partial(function, compiled, save), autograph=False)


@functools.cache
def _compiled_graph(function, save):
    function = functools.partial(function, False, save)
    return tf.function(function, autograph=False, jit_compile=True)
