"""Runs the fast loop over timesteps, forward and backward.

The loop calls `lstm_step` and gives the same results as `LSTMCell.call` step by step.
It is faster for three reasons:

- x_t W is one matrix product for all timesteps, before the loop.
- Each iteration computes the sums of the next step and passes them on. If `lstm_step`
  read them from a slice of the sequence, XLA would not vectorize the gates.
- The backward loop carries only dL/dh and dL/dC. The gradients of the inputs and of
  the kernels are one matrix product each, after the loop.

All sequences in this module are time-major: `(timesteps, batch, ...)`.
"""

import functools
from typing import NamedTuple

import tensorflow as tf

from lstm_layer.gradient import step_gradient
from lstm_layer.step import lstm_step


class Weights(NamedTuple):
    """Holds kernels and bias, packed i, f, C~, o, in the dtype of the inputs."""

    kernel: tf.Tensor  # (features, 4 * units)
    recurrent_kernel: tf.Tensor  # (units, 4 * units)
    bias: tf.Tensor  # (4 * units,)


class Saved(NamedTuple):
    """Holds what the backward loop reads, each `(timesteps, batch, units)`."""

    f: tf.Tensor
    i: tf.Tensor
    c_tilde: tf.Tensor
    o: tf.Tensor
    c: tf.Tensor


def forward(x, weights, h, c, mask, h_mask, timesteps, length, compiled, save):
    """Runs the LSTM over a sequence.

    Args:
        x: Inputs, `(timesteps, batch, features)`.
        weights: `Weights`.
        h: h before the first step, `(batch, units)`.
        c: Cell state before the first step, `(batch, units)`.
        mask: `(timesteps, batch, 1)`, True for a real timestep, or None. A masked
            timestep does not change the state.
        h_mask: Recurrent dropout: factors on h_{t-1}, `(batch, units)`, or None.
        timesteps: Number of timesteps; later entries of `x` are padding.
        length: Number of timesteps to pad to, so that XLA compiles one loop for
            several sequence lengths; None does not pad.
        compiled: Whether XLA compiles the loop, once per shape.
        save: Whether to return the fields of `Saved`.

    Returns:
        All h, `(length, batch, units)`; the last h and the last C, `(batch, units)`
        each; and if `save`, the fields of `Saved`, `(length, batch, units)` each.
    """
    z_x = tf.matmul(_rows(x), weights.kernel)
    bias = weights.bias
    if not compiled:  # XLA fuses this addition into the loop at no cost
        z_x, bias = z_x + bias, None
    z_x = pad(tf.reshape(z_x, [*_sizes(x)[:2], z_x.shape[-1]]), length)
    mask = None if mask is None else pad(mask, length)
    loop = _compiled(_forward_loop) if compiled else _forward_loop
    h_sequence, h_last, c_last, *saved = loop(
        z_x, weights.recurrent_kernel, bias, h, c, mask, h_mask, timesteps, save
    )
    # TensorFlow may reuse a loop that was traced for unknown sizes: restore the shapes.
    for state in (h_last, c_last):
        state.set_shape(h.shape)
    for sequence in (h_sequence, *saved):
        sequence.set_shape([z_x.shape[0], *h.shape])
    return h_sequence, h_last, c_last, *saved


def _forward_loop(z_x, recurrent_kernel, bias, h, c, mask, h_mask, timesteps, save):
    """Runs `lstm_step` for each timestep, given x_t W of all timesteps."""
    length = tf.shape(z_x)[0]

    def sums(t, h):
        h_in = h if h_mask is None else h * h_mask
        z = z_x[t] + tf.matmul(h_in, recurrent_kernel)
        return z if bias is None else z + bias

    def body(t, z, h, c, *arrays):
        new = lstm_step(z, c)
        h_new, c_new = new.h, new.c
        if mask is not None:
            h_new = tf.where(mask[t], h_new, h)
            c_new = tf.where(mask[t], c_new, c)
        values = (h_new, *Saved(new.f, new.i, new.c_tilde, new.o, c_new))
        arrays = [a.write(t, v) for a, v in zip(arrays, values, strict=False)]
        # Not timesteps - 1: XLA would compile the loop again for each value of it.
        z_next = sums(tf.minimum(t + 1, length - 1), h_new)
        return t + 1, z_next, h_new, c_new, *arrays

    count = 1 + (len(Saved._fields) if save else 0)
    arrays = [
        tf.TensorArray(z_x.dtype, length, element_shape=h.shape) for _ in range(count)
    ]
    _, _, h, c, *arrays = tf.while_loop(
        lambda t, *_: t < timesteps,
        body,
        (0, sums(0, h), h, c, *arrays),
        maximum_iterations=z_x.shape[0],
    )
    h_sequence, *saved = (array.stack() for array in arrays)
    return h_sequence, h, c, *saved


def backward(
    x,
    weights,
    h_0,
    c_0,
    mask,
    h_mask,
    timesteps,
    length,
    h_sequence,
    saved,
    d_results,
    compiled,
):
    """Backpropagates through `forward`.

    Args:
        x: Inputs, `(timesteps, batch, features)`.
        weights: `Weights`.
        h_0: h before the first step, `(batch, units)`.
        c_0: Cell state before the first step, `(batch, units)`.
        mask: `(timesteps, batch, 1)` or None.
        h_mask: `(batch, units)` or None.
        timesteps: Number of timesteps.
        length: The `length` that `forward` padded to, or None.
        h_sequence: All h, `(length, batch, units)`.
        saved: `Saved`.
        d_results: Gradients of the results of `forward`: of all h, batch-major
            `(batch, timesteps, units)`; of the last h and of the last C,
            `(batch, units)` each.
        compiled: Whether XLA compiles the loop.

    Returns:
        The gradients of x, h_0, C_0 and of the weights (`Weights`).
    """
    mask = None if mask is None else pad(mask, length)
    dh_sequence, dh, dc = d_results
    dh_sequence = pad(dh_sequence, length, axis=1)
    loop = _compiled(_backward_loop) if compiled else _backward_loop
    dz, dh, dc = loop(
        weights.recurrent_kernel,
        mask,
        h_mask,
        c_0,
        saved,
        dh_sequence,
        dh,
        dc,
        timesteps,
    )
    for gradient in (dh, dc):
        gradient.set_shape(h_0.shape)
    dz.set_shape([*h_sequence.shape[:2], weights.kernel.shape[-1]])
    size = size_of(x, 0)
    dz = _rows(dz if length is None else dz[:size])  # (timesteps * batch, 4 * units)
    dx = tf.reshape(tf.matmul(dz, weights.kernel, transpose_b=True), _sizes(x))
    h_in = tf.concat([h_0[tf.newaxis], h_sequence[: size - 1]], axis=0)
    if h_mask is not None:
        h_in = h_in * h_mask
    d_weights = Weights(
        tf.matmul(_rows(x), dz, transpose_a=True),
        tf.matmul(_rows(h_in), dz, transpose_a=True),
        tf.reduce_sum(dz, axis=0),
    )
    return dx, dh, dc, d_weights


def _backward_loop(
    recurrent_kernel, mask, h_mask, c_0, saved, dh_sequence, dh, dc, timesteps
):
    """Returns the gradients of the sums of all timesteps, of h_0 and of C_0."""
    real = None if mask is None else tf.cast(mask, dh.dtype)
    back = tf.transpose(recurrent_kernel)

    def body(t, dh, dc, dz_sequence):
        dh = dh + dh_sequence[:, t]
        dh_real, dc_real = dh, dc
        if mask is not None:
            dh_real, dc_real = dh * real[t], dc * real[t]
        c_prev = tf.where(t > 0, saved.c[tf.maximum(t - 1, 0)], c_0)
        f, i, c_tilde, o = (values[t] for values in saved[:4])
        dz, dc_before = step_gradient(f, i, c_tilde, o, c_prev, dh_real, dc_real)
        dh_before = tf.matmul(dz, back)
        if h_mask is not None:
            dh_before = dh_before * h_mask
        if mask is not None:  # gradients pass a masked step unchanged
            dh_before = dh_before + dh * (1 - real[t])
            dc_before = dc_before + dc * (1 - real[t])
        return t - 1, dh_before, dc_before, dz_sequence.write(t, dz)

    length = tf.shape(dh_sequence)[1]
    shape = [*dh.shape[:1], recurrent_kernel.shape[-1]]
    _, dh, dc, dz = tf.while_loop(
        lambda t, *_: t >= 0,
        body,
        (timesteps - 1, dh, dc, tf.TensorArray(dh.dtype, length, element_shape=shape)),
        maximum_iterations=dh_sequence.shape[1],
    )
    return dz.stack(), dh, dc


def differentiable(x, weights, h, c, mask, h_mask):
    """Runs the LSTM in a loop that TensorFlow differentiates; for second derivatives.

    The arguments are those of `forward`.

    Returns:
        All h, batch-major `(batch, timesteps, units)`; the last h and the last C,
        `(batch, units)` each.
    """
    timesteps = size_of(x, 0)
    z_x = tf.matmul(_rows(x), weights.kernel) + weights.bias
    z_x = tf.reshape(z_x, [*_sizes(x)[:2], z_x.shape[-1]])
    # A TensorArray, because the gradient of a slice is as large as the whole sequence.
    z_x = tf.TensorArray(x.dtype, timesteps).unstack(z_x)

    def body(t, h, c, h_sequence):
        h_in = h if h_mask is None else h * h_mask
        new = lstm_step(z_x.read(t) + tf.matmul(h_in, weights.recurrent_kernel), c)
        h_new, c_new = new.h, new.c
        if mask is not None:
            h_new = tf.where(mask[t], h_new, h)
            c_new = tf.where(mask[t], c_new, c)
        return t + 1, h_new, c_new, h_sequence.write(t, h_new)

    _, h, c, h_sequence = tf.while_loop(
        lambda t, *_: t < timesteps,
        body,
        (0, h, c, tf.TensorArray(x.dtype, timesteps, element_shape=h.shape)),
        maximum_iterations=x.shape[0],
    )
    return tf.transpose(h_sequence.stack(), [1, 0, 2]), h, c


def size_of(tensor, axis):
    """Returns the size of an axis: an integer if it is static, else a tensor."""
    size = tensor.shape[axis]
    return tf.shape(tensor)[axis] if size is None else size


def _sizes(tensor):
    return [size_of(tensor, axis) for axis in range(tensor.shape.rank)]


def pad(tensor, length, axis=0):
    """Pads an axis with zeros at its end to `length`; None does not pad."""
    if length is None:
        return tensor
    missing = length - size_of(tensor, axis)
    paddings = [[0, missing if a == axis else 0] for a in range(tensor.shape.rank)]
    if isinstance(missing, int):
        return tf.pad(tensor, paddings) if missing else tensor
    static = tensor.shape.as_list()
    static[axis] = length if isinstance(length, int) else None
    # The condition avoids a copy where no padding is needed.
    padded = tf.cond(missing > 0, lambda: tf.pad(tensor, paddings), lambda: tensor)
    return tf.ensure_shape(padded, static)


def _rows(sequences):
    """Flattens `(timesteps, batch, size)` to `(timesteps * batch, size)`."""
    return tf.reshape(sequences, [-1, sequences.shape[-1]])


@functools.cache
def _compiled(function):
    return tf.function(function, jit_compile=True, autograph=False)
