"""The fast loop over a sequence: what `LSTMCell.call` computes, step by step.

It runs for the cell exactly as written and for no other. Four things make it fast: the
input's share of the four sums is one product for all timesteps, before the loop; the
backward loop carries dL/dh and dL/dC and nothing else, and the gradients of the kernels
are one product each, after it; in training XLA compiles both loops; and the batch is
cut into as many parts as there are cores, whose loops run side by side.
"""

import os

import tensorflow as tf


def lstm_sequence(x, kernel, recurrent_kernel, bias, h_0, c_0, mask, h_mask, compiled):
    """Runs the LSTM over a sequence.

    Args:
        x: Inputs, `(batch, timesteps, features)`.
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

    Returns:
        All states h, `(batch, timesteps, units)`, and the last h and C,
        `(batch, units)` each.
    """
    weights = [
        None if weight is None else tf.cast(weight, x.dtype)
        for weight in (kernel, recurrent_kernel, bias)
    ]
    parts = _cores() if compiled and x.shape[0] != 1 else 1
    edges = tf.shape(x)[0] * tf.range(parts + 1) // parts
    inputs = [
        [None] * parts if t is None else tf.split(t, edges[1:] - edges[:-1], num=parts)
        for t in (x, h_0, c_0, mask, h_mask)
    ]
    states = [_run(*part, *weights, compiled) for part in zip(*inputs, strict=True)]
    return [tf.concat(parts, axis=0) for parts in zip(*states, strict=True)]


def _cores():
    """Returns how many loops the machine runs side by side; a GPU runs one."""
    if tf.config.list_logical_devices("GPU"):
        return 1
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    if threads or not hasattr(os, "sched_getaffinity"):  # Linux alone has it
        return threads or os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def _run(x, h_0, c_0, mask, h_mask, kernel, recurrent_kernel, bias, compiled):
    """Runs a part of the batch; in here sequences are time-major."""
    x = tf.transpose(x, [1, 0, 2])
    shape = tf.shape(x)
    z_x = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), kernel)
    if bias is not None:
        z_x = z_x + bias
    z_x = tf.reshape(z_x, [shape[0], shape[1], kernel.shape[-1]])
    if mask is not None:
        mask = tf.transpose(mask)[..., tf.newaxis]  # (timesteps, batch, 1)
    if h_mask is not None:
        h_mask = tf.stop_gradient(h_mask)  # drawn at random, but in the shape of h_0
    forward = _compiled_forward if compiled else _forward
    backward = _compiled_backward if compiled else _backward

    @tf.custom_gradient
    def loop(z_x, recurrent_kernel, h_0, c_0):
        # Without stop_gradient TensorFlow would also differentiate the loop itself.
        inputs = [tf.stop_gradient(t) for t in (z_x, recurrent_kernel, h_0, c_0)]
        h, c, h_sequence, *kept = forward(*inputs, mask, h_mask, keep=compiled)

        def gradient(dh_sequence, dh, dc):
            _, recurrent_kernel, h_0, c_0 = inputs
            # Outside training nothing was kept for a gradient that hardly ever comes.
            values = kept or forward(*inputs, mask, h_mask, keep=True)[3:]
            dz, dh, dc = backward(
                recurrent_kernel, mask, h_mask, c_0, *values, dh_sequence, dh, dc
            )
            h_in = tf.concat([h_0[tf.newaxis], h_sequence[:-1]], axis=0)
            if h_mask is not None:
                h_in = h_in * h_mask
            d_recurrent_kernel = tf.matmul(
                tf.reshape(h_in, [-1, h_in.shape[-1]]),
                tf.reshape(dz, [-1, dz.shape[-1]]),
                transpose_a=True,
            )
            return dz, d_recurrent_kernel, dh, dc

        return (h_sequence, h, c), gradient

    h_sequence, h, c = loop(z_x, recurrent_kernel, h_0, c_0)
    return tf.transpose(h_sequence, [1, 0, 2]), h, c


def _forward(z_x, recurrent_kernel, h, c, mask, h_mask, keep):
    """Returns the last h and C, all h, and if `keep`, all f, i, C~, o and C."""
    timesteps = tf.shape(z_x)[0]

    def step(t, h, c, *kept):
        h_in = h if h_mask is None else h * h_mask
        z = z_x[t] + tf.matmul(h_in, recurrent_kernel)
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
        return t + 1, h_new, c_new, *kept

    arrays = [tf.TensorArray(z_x.dtype, timesteps) for _ in range(6 if keep else 1)]
    _, h, c, *kept = tf.while_loop(
        lambda t, *_: t < timesteps,
        step,
        (0, h, c, *arrays),
        maximum_iterations=timesteps,
    )
    return h, c, *(array.stack() for array in kept)


def _backward(
    recurrent_kernel, mask, h_mask, c_0, f, i, c_tilde, o, c, dh_sequence, dh, dc
):
    """Returns the gradients of z_x, h_0 and c_0.

    Args:
        recurrent_kernel: `(units, 4 * units)`.
        mask: `(timesteps, batch, 1)` or None.
        h_mask: As in `lstm_sequence`.
        c_0: As there.
        f: Forget gate of all timesteps, `(timesteps, batch, units)`; as are
        i: the input gate,
        c_tilde: the candidate,
        o: the output gate,
        c: and the cell state.
        dh_sequence: Gradient of all h, of the same shape.
        dh: Gradient of the last h, `(batch, units)`.
        dc: Gradient of the last C.
    """
    timesteps = tf.shape(f)[0]
    real = None if mask is None else tf.cast(mask, f.dtype)
    back = tf.transpose(recurrent_kernel)

    def step(t, dh, dc, dz_sequence):
        dh = dh + dh_sequence[t]
        dh_real, dc_real = (dh, dc) if mask is None else (dh * real[t], dc * real[t])
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


_compiled_forward = tf.function(_forward, jit_compile=True)
_compiled_backward = tf.function(_backward, jit_compile=True)
