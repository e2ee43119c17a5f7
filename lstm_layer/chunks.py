"""Runs the LSTM over chunks of the timesteps, and its gradient back over them.

- A long sequence runs in chunks in training: beside the values kept for the gradient,
  the loop needs memory for one chunk.
- XLA compiles a loop for each length. A length that is known only when the graph runs
  is cut into chunks of few lengths, the last one padded, so that few are compiled.
"""

import tensorflow as tf

from lstm_layer.kernel import Kept, Weights, backward, forward, pad, size_of

MIN_CHUNKED_TIMESTEPS = 256  # a shorter sequence of known length is one chunk
NUM_CHUNKS = 8  # of a longer sequence of known length
# Of a sequence of unknown length: the first that holds it, or else the last.
CHUNK_LENGTHS = (32, 64)


def forward_in_chunks(
    compiled, keep, x, kernel, recurrent_kernel, bias, h_0, c_0, mask, h_mask
):
    """Returns h of all timesteps, the last h and C, and the values kept.

    The values kept are the fields of `Kept`; of a sequence in chunks, an array for each
    field, with one element a chunk.
    """
    x, mask, weights = (
        time_first(x),
        mask_time_first(mask),
        Weights(kernel, recurrent_kernel, bias),
    )
    timesteps = size_of(x, 0)
    length, count = _chunks(timesteps, compiled, keep)
    if length is None:
        h_sequence, h, c, *kept = forward(
            x, weights, h_0, c_0, mask, h_mask, timesteps, length, compiled, keep
        )
        return _batch_first(h_sequence), h, c, *kept

    sequences = _padded((x, mask), length, count)

    def body(k, h, c, *arrays):
        x_k, mask_k = _chunk(k, length, sequences)
        steps = tf.minimum(length, timesteps - k * length)
        h_sequence, h, c, *kept = forward(
            x_k, weights, h, c, mask_k, h_mask, steps, length, compiled, keep
        )
        values = (h_sequence, *kept)
        return (
            k + 1,
            h,
            c,
            *(
                _write(array, k, value)
                for array, value in zip(arrays, values, strict=True)
            ),
        )

    shape = [length if isinstance(length, int) else -1, *_shape(h_0)]
    arrays = [_array(x.dtype, count, shape) for _ in range(1 + len(Kept._fields))]
    _, h, c, h_sequence, *kept = tf.while_loop(
        lambda k, *_: k < count,
        body,
        (0, h_0, c_0, *arrays),
        maximum_iterations=count if isinstance(count, int) else None,
    )
    return _batch_first(_joined(h_sequence, x.dtype, shape)[:timesteps]), h, c, *kept


def backward_in_chunks(
    compiled,
    keep,
    x,
    kernel,
    recurrent_kernel,
    bias,
    h_0,
    c_0,
    mask,
    h_mask,
    h_sequence,
    kept,
    end,
):
    """Returns the gradients of x, the weights, h_0 and C_0."""
    weights = Weights(kernel, recurrent_kernel, bias)
    x, mask, h_sequence = time_first(x), mask_time_first(mask), time_first(h_sequence)
    timesteps = size_of(x, 0)
    length, count = _chunks(timesteps, compiled, keep)
    if length is None:
        dx, dh, dc, d_weights = backward(
            *(x, weights, h_0, c_0, mask, h_mask, timesteps, length),
            *(h_sequence, Kept(*kept), end, compiled),
        )
        return _batch_first(dx), *d_weights, dh, dc

    dh_sequence, dh, dc = end
    dh_sequence = time_first(dh_sequence)
    sequences = _padded((x, mask, h_sequence, dh_sequence), length, count)
    size = length if isinstance(length, int) else -1
    shape, kept_shape = [size, *_shape(x)[1:]], [size, *_shape(h_0)]

    def body(k, dh, dc, dx_array, *d_weights):
        x_k, mask_k, h_k, dh_k = _chunk(k, length, sequences)
        steps = tf.minimum(length, timesteps - k * length)
        before = tf.maximum(k - 1, 0)
        kept_k = Kept(*(_read(array, k, x.dtype, kept_shape) for array in kept))
        c_before = _read(kept[-1], before, x.dtype, kept_shape)[length - 1]
        h_before = h_sequence[tf.maximum(k * length - 1, 0)]
        dx, dh, dc, d_k = backward(
            x_k,
            weights,
            tf.where(k > 0, h_before, h_0),
            tf.where(k > 0, c_before, c_0),
            *(mask_k, h_mask, steps, length, h_k, kept_k),
            (_batch_first(dh_k), dh, dc),
            compiled,
        )
        d_weights = (total + own for total, own in zip(d_weights, d_k, strict=True))
        return k - 1, dh, dc, _write(dx_array, k, pad(dx, length)), *d_weights

    _, dh, dc, dx, *d_weights = tf.while_loop(
        lambda k, *_: k >= 0,
        body,
        (
            *(count - 1, dh, dc, _array(x.dtype, count, shape)),
            *map(tf.zeros_like, weights),
        ),
        maximum_iterations=count if isinstance(count, int) else None,
    )
    return _batch_first(_joined(dx, x.dtype, shape)[:timesteps]), *d_weights, dh, dc


def _chunks(timesteps, compiled, keep):
    """Returns the length of a chunk and their number; None is the whole sequence."""
    if not keep:
        return None, 1
    if isinstance(timesteps, int):
        if is_one_chunk(timesteps):
            return None, 1
        length = -(-timesteps // NUM_CHUNKS)
        return length, -(-timesteps // length)
    if not compiled:
        return None, 1
    short, long = CHUNK_LENGTHS
    length = tf.where(timesteps <= short, short, long)
    return length, -(-timesteps // length)


def is_one_chunk(timesteps):
    """Whether a sequence of a known number of timesteps runs whole in training."""
    return timesteps < MIN_CHUNKED_TIMESTEPS


def _padded(sequences, length, count):
    """Appends zeros to whole chunks, if their length is known; None stays None.

    Then every size is known, as XLA needs it where it compiles all around.
    """
    if not isinstance(length, int):
        return sequences
    return [None if t is None else pad(t, count * length) for t in sequences]


def _chunk(k, length, sequences):
    """Returns chunk k of sequences; the last is shorter where the length is unknown."""
    start = k * length
    if not isinstance(length, int):
        return [None if t is None else t[start : start + length] for t in sequences]
    return [
        None if t is None else tf.slice(t, [start, 0, 0], [length, -1, t.shape[2]])
        for t in sequences
    ]


# Arrays of chunks are variant tensors, since a `tf.function` can return and take them;
# a `tf.TensorArray` it cannot.


def _array(dtype, count, shape):
    return tf.raw_ops.TensorListReserve(
        element_shape=shape, num_elements=count, element_dtype=dtype
    )


def _write(array, k, value):
    return tf.raw_ops.TensorListSetItem(input_handle=array, index=k, item=value)


def _read(array, k, dtype, shape):
    value = tf.raw_ops.TensorListGetItem(
        input_handle=array, index=k, element_shape=shape, element_dtype=dtype
    )
    return tf.ensure_shape(value, [None if size == -1 else size for size in shape])


def _joined(array, dtype, shape):
    """Returns the elements of an array one after the other, along their first axis."""
    stacked = tf.raw_ops.TensorListStack(
        input_handle=array, element_shape=shape, element_dtype=dtype
    )
    return tf.reshape(stacked, [-1, *(size_of(stacked, n) for n in (2, 3))])


def _shape(tensor):
    return [-1 if size is None else size for size in tensor.shape]


def time_first(sequences):
    """Returns `(timesteps, batch, size)` of `(batch, timesteps, size)`."""
    return tf.transpose(sequences, [1, 0, 2])


_batch_first = time_first


def mask_time_first(mask):
    """Returns `(timesteps, batch, 1)` of `(batch, timesteps)`, or None."""
    return None if mask is None else tf.transpose(mask)[..., tf.newaxis]
