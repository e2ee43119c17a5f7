"""The fast loop over a sequence: what `LSTMCell.call` computes, step by step.

It runs for the cell exactly as written and for no other. What makes it fast:

- The input's share of the four sums is one product for all timesteps, before the loop.
- The loop carries the sums of the step to come: where gates read them from a slice of
  the whole sequence, XLA finds no vector instructions for them.
- The backward loop carries dL/dh and dL/dC and nothing else; the gradients of input and
  kernels are one product each, after it.
- In a graph the batch is cut into as many parts as there are cores, where it has rows
  enough; their loops run side by side.
- In training XLA compiles the loops.
- In training a long sequence runs in chunks, which saves memory.
"""

import os

import tensorflow as tf

# Of a recurrent kernel, about what a core's cache holds. Each part reads it at every
# step: compiled, above this size parts only compete for memory, and TensorFlow's own
# products beat XLA's.
LARGE_BYTES = 2**21
# A sequence of so many timesteps runs in training as so many chunks, one after the
# other: what a loop needs beside the values kept for the gradient is a chunk's.
LONG, CHUNKS = 256, 8
# Outside training there are at most so many parts, since a saved model holds a loop for
# each, and each has at least so many rows: with fewer a part only costs.
INFERENCE_PARTS, ROWS = 8, 8


def lstm_sequence(
    x, kernel, recurrent_kernel, bias, h_0, c_0, mask, h_mask, compiled, keep
):
    """Runs the LSTM over a sequence.

    Args:
        x: Inputs, `(batch, timesteps, features)`, of at least one timestep.
        kernel: `(features, 4 * units)`, packed i, f, c, o; cast to the type of `x`,
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
    """
    kernel, recurrent_kernel = (
        tf.cast(weight, x.dtype) for weight in (kernel, recurrent_kernel)
    )
    if bias is None:
        bias = tf.zeros(kernel.shape[-1:], x.dtype)
    weights = (kernel, recurrent_kernel, tf.cast(bias, x.dtype))

    def whole(x=x, mask=mask, h=h_0, c=c_0):
        """Runs the sequence whole, or a piece of it."""
        return _run_in_parts(
            (x, h, c, mask, h_mask), weights, compiled=compiled, keep=keep
        )

    def in_chunks():
        """Runs pieces of the sequence, one after the other."""
        sequences, h, c = [], h_0, c_0
        for x_chunk, mask_chunk in _cut((x, mask), CHUNKS, axis=1):
            h_sequence, h, c = whole(x_chunk, mask_chunk, h, c)
            sequences.append(h_sequence)
        return tf.concat(sequences, axis=1), h, c

    if not keep:
        return whole()
    if x.shape[1] is not None:
        return in_chunks() if x.shape[1] >= LONG else whole()
    # As functions: a branch's gradient does not find what the branch itself made.
    return tf.cond(tf.shape(x)[1] >= LONG, *map(tf.function, (in_chunks, whole)))


def _run_in_parts(tensors, weights, **how):
    """Runs a batch in parts side by side, or whole where that is faster."""
    recurrent_kernel = weights[1]
    size = recurrent_kernel.dtype.size * recurrent_kernel.shape.num_elements()
    how["large"] = size > LARGE_BYTES
    batch, timesteps = tensors[0].shape[:2]
    rows = 1 if how["keep"] else ROWS
    parts = _cores() if how["keep"] else min(_cores(), INFERENCE_PARTS)
    if batch is not None:
        parts = min(parts, batch // rows)

    def whole():
        return _run(*tensors, weights, **how)

    def in_parts():
        states = [_run(*part, weights, **how) for part in _cut(tensors, parts, axis=0)]
        states = [tf.concat(parts, axis=0) for parts in zip(*states, strict=True)]
        return tuple(tf.ensure_shape(t, [batch, *t.shape[1:]]) for t in states)

    if parts < 2 or timesteps == 1 or (how["compiled"] and how["large"]):
        return whole()
    if tf.executing_eagerly():  # without a graph one loop would wait for the other
        return whole()
    if batch is not None or how["keep"]:  # a part without a row costs training little
        return in_parts()
    enough = tf.shape(tensors[0])[0] >= rows * parts
    return tf.cond(enough, *map(tf.function, (in_parts, whole)))


def _cut(tensors, count, axis):
    """Cuts tensors into `count` pieces of about the same size, along an axis.

    Returns the first pieces, the second pieces, and so on; a None has Nones.
    """
    edges = tf.shape(tensors[0])[axis] * tf.range(count + 1) // count
    sizes = edges[1:] - edges[:-1]
    pieces = [
        [None] * count if t is None else tf.split(t, sizes, axis=axis, num=count)
        for t in tensors
    ]
    return list(zip(*pieces, strict=True))


def _cores():
    """Returns how many loops the machine runs side by side; a GPU runs one."""
    if tf.config.list_logical_devices("GPU"):
        return 1
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    if threads or not hasattr(os, "sched_getaffinity"):  # Linux alone has it
        return threads or os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def _run(x, h_0, c_0, mask, h_mask, weights, compiled, keep, large):
    """Runs a part of the batch."""
    if mask is not None:
        mask = tf.transpose(mask)[..., tf.newaxis]  # (timesteps, batch, 1)
    if h_mask is not None:
        h_mask = tf.stop_gradient(h_mask)  # drawn at random, but in the shape of h_0
    whole = compiled and not large
    forward = _compiled_forward if whole else _forward
    backward = _compiled_backward if whole else _backward

    @tf.custom_gradient
    def sequence(x, kernel, recurrent_kernel, bias, h_0, c_0):
        # Without stop_gradient TensorFlow would also differentiate the loop itself.
        inputs = [
            tf.stop_gradient(t) for t in (x, kernel, recurrent_kernel, bias, h_0, c_0)
        ]
        h, c, h_sequence, *kept = forward(*inputs, mask, h_mask, compiled, keep)
        h_sequence = tf.transpose(h_sequence, [1, 0, 2])

        def gradient(dh_sequence, dh, dc):
            # Nothing was kept where a gradient hardly ever comes.
            values = kept or forward(*inputs, mask, h_mask, compiled, True)[3:]
            end = [dh_sequence, dh, dc]
            dx, *others = backward(
                inputs, mask, h_mask, compiled, h_sequence, values, end
            )
            return tf.transpose(dx, [1, 0, 2]), *others

        return (h_sequence, h, c), gradient

    return sequence(x, *weights, h_0, c_0)


def _forward(x, kernel, recurrent_kernel, bias, h, c, mask, h_mask, compiled, keep):
    """Returns the last h and C, all h, and if `keep`, all f, i, C~, o and C.

    All are `(timesteps, batch, units)`, but the last ones `(batch, units)`.
    """
    x = tf.transpose(x, [1, 0, 2])
    z_x = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), kernel)
    if not compiled:  # XLA would hold z_x twice, and adds in the loop for nothing
        z_x, bias = z_x + bias, None
    z_x = tf.reshape(z_x, [*tf.unstack(tf.shape(x)[:2]), kernel.shape[-1]])
    z_x = tf.ensure_shape(z_x, [*x.shape[:2], kernel.shape[-1]])
    loop = _compiled_forward_loop if compiled else _forward_loop
    return loop(z_x, recurrent_kernel, bias, h, c, mask, h_mask, keep)


def _forward_loop(z_x, recurrent_kernel, bias, h, c, mask, h_mask, keep):
    timesteps = tf.shape(z_x)[0]

    def sums(t, h):
        h_in = h if h_mask is None else h * h_mask
        z = z_x[t] + tf.matmul(h_in, recurrent_kernel)
        return z if bias is None else z + bias

    def step(t, z, h, c, *kept):
        z_i, z_f, z_c, z_o = tf.split(z, 4, axis=-1)
        f = tf.sigmoid(z_f)
        i = tf.sigmoid(z_i)
        c_tilde = tf.tanh(z_c)
        c_new = f * c + i * c_tilde
        o = tf.sigmoid(z_o)
        h_new = o * tf.tanh(c_new)
        if mask is not None:
            h_new = tf.where(mask[t], h_new, h)
            c_new = tf.where(mask[t], c_new, c)
        values = (h_new, f, i, c_tilde, o, c_new)
        kept = [array.write(t, v) for array, v in zip(kept, values, strict=False)]
        z_next = sums(tf.minimum(t + 1, timesteps - 1), h_new)
        return t + 1, z_next, h_new, c_new, *kept

    arrays = [tf.TensorArray(z_x.dtype, timesteps) for _ in range(6 if keep else 1)]
    _, _, h, c, *kept = tf.while_loop(
        lambda t, *_: t < timesteps,
        step,
        (0, sums(0, h), h, c, *arrays),
        maximum_iterations=timesteps,
    )
    return h, c, *(array.stack() for array in kept)


def _backward(inputs, mask, h_mask, compiled, h_sequence, values, end):
    """Returns the gradients of `inputs`, that of x as `(timesteps, batch, features)`.

    Args:
        inputs: x, both kernels, bias, h_0 and c_0, as in `lstm_sequence`.
        mask: `(timesteps, batch, 1)` or None.
        h_mask: As in `lstm_sequence`.
        compiled: Whether XLA compiles the loop.
        h_sequence: h of all timesteps, `(batch, timesteps, units)`.
        values: f, i, C~, o and C of all timesteps, `(timesteps, batch, units)` each.
        end: Gradients of all h, `(batch, timesteps, units)`, and of the last h and C,
            `(batch, units)` each.
    """
    x, kernel, recurrent_kernel, _, h_0, c_0 = inputs
    loop = _compiled_backward_loop if compiled else _backward_loop
    dz, dh, dc = loop(recurrent_kernel, mask, h_mask, c_0, *values, *end)
    dz_rows = tf.reshape(dz, [-1, dz.shape[-1]])  # (timesteps * batch, 4 * units)
    x = tf.transpose(x, [1, 0, 2])
    dx = tf.reshape(tf.matmul(dz_rows, kernel, transpose_b=True), tf.shape(x))
    h_in = tf.transpose(h_sequence, [1, 0, 2])[:-1]
    h_in = tf.concat([h_0[tf.newaxis], h_in], axis=0)
    if h_mask is not None:
        h_in = h_in * h_mask
    d_kernel, d_recurrent_kernel = (
        tf.matmul(tf.reshape(t, [-1, t.shape[-1]]), dz_rows, transpose_a=True)
        for t in (x, h_in)
    )
    d_bias = tf.reduce_sum(dz_rows, axis=0)
    return dx, d_kernel, d_recurrent_kernel, d_bias, dh, dc


def _backward_loop(
    recurrent_kernel, mask, h_mask, c_0, f, i, c_tilde, o, c, dh_sequence, dh, dc
):
    timesteps = tf.shape(f)[0]
    real = None if mask is None else tf.cast(mask, f.dtype)
    back = tf.transpose(recurrent_kernel)

    def step(t, dh, dc, dz_sequence):
        dh = dh + dh_sequence[:, t]
        dh_real, dc_real = dh, dc
        if mask is not None:
            dh_real, dc_real = dh * real[t], dc * real[t]
        f_t, i_t, c_tilde_t, o_t = (values[t] for values in (f, i, c_tilde, o))
        c_prev_t = tf.where(t > 0, c[tf.maximum(t - 1, 0)], c_0)
        tanh_c = tf.tanh(f_t * c_prev_t + i_t * c_tilde_t)  # less memory than kept
        dc_real = dc_real + dh_real * o_t * (1 - tanh_c * tanh_c)
        dz = tf.concat(  # the gradients of z_i, z_f, z_c, z_o
            [
                dc_real * c_tilde_t * i_t * (1 - i_t),
                dc_real * c_prev_t * f_t * (1 - f_t),
                dc_real * i_t * (1 - c_tilde_t * c_tilde_t),
                dh_real * tanh_c * o_t * (1 - o_t),
            ],
            axis=-1,
        )
        dh_before = tf.matmul(dz, back)
        if h_mask is not None:
            dh_before = dh_before * h_mask
        dc_before = dc_real * f_t
        if mask is not None:  # a masked step hands the gradients through
            dh_before = dh_before + dh * (1 - real[t])
            dc_before = dc_before + dc * (1 - real[t])
        return t - 1, dh_before, dc_before, dz_sequence.write(t, dz)

    _, dh, dc, dz = tf.while_loop(
        lambda t, *_: t >= 0,
        step,
        (timesteps - 1, dh, dc, tf.TensorArray(f.dtype, timesteps)),
        maximum_iterations=timesteps,
    )
    return dz.stack(), dh, dc


(
    _compiled_forward,
    _compiled_forward_loop,
    _compiled_backward,
    _compiled_backward_loop,
) = (
    tf.function(function, jit_compile=True)
    for function in (_forward, _forward_loop, _backward, _backward_loop)
)
