"""The fast loop over timesteps, forward and backward.

It computes what `LSTMCell.call` computes step by step, with `lstm_step` itself. Three
things make it fast:

- The inputs' share of the four sums is one product for all timesteps, before the loop.
- The loop carries the sums of the next step: where the gates read them from a slice of
  the whole sequence, XLA finds no vector instructions for them.
- The backward loop carries dL/dh and dL/dC alone; the gradients of the inputs and of
  the kernels are one product each, after it.

All sequences here have the timesteps first: `(timesteps, batch, ...)`.
"""

import functools
from typing import NamedTuple

import tensorflow as tf

from lstm_layer.gradient import step_gradient
from lstm_layer.step import lstm_step


class Weights(NamedTuple):
    """Kernels and bias, packed i, f, c, o, in the dtype of the inputs."""

    kernel: tf.Tensor  # (features, 4 * units)
    recurrent_kernel: tf.Tensor  # (units, 4 * units)
    bias: tf.Tensor  # (4 * units,)


class Kept(NamedTuple):
    """What the gradient needs of each timestep, `(timesteps, batch, units)` each."""

    f: tf.Tensor
    i: tf.Tensor
    c_tilde: tf.Tensor
    o: tf.Tensor
    c: tf.Tensor


def forward(x, weights, h, c, mask, h_mask, timesteps, length, compiled, keep):
    """Runs the LSTM over a sequence.

    Args:
        x: Inputs, `(timesteps, batch, features)`.
        weights: `Weights`.
        h: State before the first step, `(batch, units)`.
        c: Cell state before the first step, `(batch, units)`.
        mask: `(timesteps, batch, 1)`, True for a real timestep, or None. A masked
            timestep leaves the state as it is.
        h_mask: Factors on h_{t-1}, `(batch, units)`: recurrent dropout; or None.
        timesteps: Number of timesteps; what follows them in `x` is padding.
        length: Timesteps to which the loop's arrays are padded, so that XLA compiles
            one loop for several lengths; None pads nothing.
        compiled: Whether XLA compiles the loop, once for each shape.
        keep: Whether to return what the gradient needs.

    Returns:
        All h, `(length, batch, units)`, the last h and C, `(batch, units)` each, and
        the fields of `Kept`, `(length, batch, units)` each, or nothing.
    """
    z_x = tf.matmul(_rows(x), weights.kernel)
    bias = weights.bias
    if not compiled:  # XLA adds it in the loop for nothing
        z_x, bias = z_x + bias, None
    z_x = pad(tf.reshape(z_x, [*_sizes(x)[:2], z_x.shape[-1]]), length)
    mask = None if mask is None else pad(mask, length)
    loop = _compiled(_forward_loop) if compiled else _forward_loop
    h_sequence, h_last, c_last, *kept = loop(
        z_x, weights.recurrent_kernel, bias, h, c, mask, h_mask, timesteps, keep
    )
    # A loop that was traced for unknown sizes serves known ones, and forgets them.
    for state in (h_last, c_last):
        state.set_shape(h.shape)
    for sequence in (h_sequence, *kept):
        sequence.set_shape([z_x.shape[0], *h.shape])
    return h_sequence, h_last, c_last, *kept


def _forward_loop(z_x, recurrent_kernel, bias, h, c, mask, h_mask, timesteps, keep):
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
        values = (h_new, *Kept(new.f, new.i, new.c_tilde, new.o, c_new))
        arrays = [a.write(t, v) for a, v in zip(arrays, values, strict=False)]
        # Not timesteps - 1: XLA would compile the loop anew for each value of it.
        z_next = sums(tf.minimum(t + 1, length - 1), h_new)
        return t + 1, z_next, h_new, c_new, *arrays

    count = 1 + (len(Kept._fields) if keep else 0)
    arrays = [
        tf.TensorArray(z_x.dtype, length, element_shape=h.shape) for _ in range(count)
    ]
    _, _, h, c, *arrays = tf.while_loop(
        lambda t, *_: t < timesteps,
        body,
        (0, sums(0, h), h, c, *arrays),
        maximum_iterations=z_x.shape[0],
    )
    h_sequence, *kept = (array.stack() for array in arrays)
    return h_sequence, h, c, *kept


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
    kept,
    end,
    compiled,
):
    """Returns the gradients of x, of h_0, of C_0, and of the weights.

    Args:
        x: As in `forward`, like the seven after it.
        weights: `Weights`.
        h_0: `(batch, units)`.
        c_0: `(batch, units)`.
        mask: `(timesteps, batch, 1)` or None.
        h_mask: `(batch, units)` or None.
        timesteps: Number of timesteps.
        length: What `forward` padded to.
        h_sequence: All h, `(length, batch, units)`.
        kept: `Kept`.
        end: Gradients of all h, `(batch, timesteps, units)`, batch first, and of the
            last h and C, `(batch, units)` each.
        compiled: Whether XLA compiles the loop.
    """
    mask = None if mask is None else pad(mask, length)
    dh_sequence, dh, dc = end
    dh_sequence = pad(dh_sequence, length, axis=1)
    loop = _compiled(_backward_loop) if compiled else _backward_loop
    dz, dh, dc = loop(
        weights.recurrent_kernel,
        mask,
        h_mask,
        c_0,
        kept,
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
    recurrent_kernel, mask, h_mask, c_0, kept, dh_sequence, dh, dc, timesteps
):
    real = None if mask is None else tf.cast(mask, dh.dtype)
    back = tf.transpose(recurrent_kernel)

    def body(t, dh, dc, dz_sequence):
        dh = dh + dh_sequence[:, t]
        dh_real, dc_real = dh, dc
        if mask is not None:
            dh_real, dc_real = dh * real[t], dc * real[t]
        c_prev = tf.where(t > 0, kept.c[tf.maximum(t - 1, 0)], c_0)
        f, i, c_tilde, o = (values[t] for values in kept[:4])
        dz, dc_before = step_gradient(f, i, c_tilde, o, c_prev, dh_real, dc_real)
        dh_before = tf.matmul(dz, back)
        if h_mask is not None:
            dh_before = dh_before * h_mask
        if mask is not None:  # a masked step hands the gradients through
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
    """Runs the LSTM as `forward` does, by a loop that TensorFlow can differentiate.

    The gradient of the gradient comes from here.

    Returns:
        All h, `(batch, timesteps, units)`, batch first, and the last h and C.
    """
    timesteps = size_of(x, 0)
    z_x = tf.matmul(_rows(x), weights.kernel) + weights.bias
    z_x = tf.reshape(z_x, [*_sizes(x)[:2], z_x.shape[-1]])
    # Read from an array: the gradient of a slice is as large as the sequence.
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
    """Returns the size of an axis: a number if it is known, else a tensor."""
    size = tensor.shape[axis]
    return tf.shape(tensor)[axis] if size is None else size


def _sizes(tensor):
    return [size_of(tensor, axis) for axis in range(tensor.shape.rank)]


def pad(tensor, length, axis=0):
    """Appends zeros until an axis has a length; None appends nothing."""
    if length is None:
        return tensor
    missing = length - size_of(tensor, axis)
    paddings = [[0, missing if a == axis else 0] for a in range(tensor.shape.rank)]
    if isinstance(missing, int):
        return tf.pad(tensor, paddings) if missing else tensor
    static = tensor.shape.as_list()
    static[axis] = length if isinstance(length, int) else None
    # Not without the condition: where nothing is missing, it saves a copy.
    padded = tf.cond(missing > 0, lambda: tf.pad(tensor, paddings), lambda: tensor)
    return tf.ensure_shape(padded, static)


def _rows(sequences):
    """Returns all timesteps of all rows, `(timesteps * batch, size)`."""
    return tf.reshape(sequences, [-1, sequences.shape[-1]])


@functools.cache
def _compiled(function):
    return tf.function(function, jit_compile=True, autograph=False)
