"""Cuts the timesteps into chunks and runs the LSTM, or its gradient, chunk by chunk.

- Memory: beside the values saved for the gradient, a long sequence in training needs
  memory for one chunk only.
- Compile time: XLA compiles one loop per length. Where the length is known only when
  the graph runs, all chunks have one of few lengths (the last chunk is padded), so XLA
  compiles few loops.
"""

import tensorflow as tf

from lstm_layer.kernel import Saved, Weights, backward, forward, pad, size_of

# For sequences of static length: shorter ones are not cut, longer ones are cut into
# NUM_CHUNKS.
MIN_CHUNKED_TIMESTEPS = 256
NUM_CHUNKS = 8
# Timesteps per chunk where the length is dynamic: the first for sequences that fit into
# one such chunk, the second for all others.
CHUNK_LENGTHS = (32, 64)


def forward_in_chunks(
    compiled, save, x, kernel, recurrent_kernel, bias, h_0, c_0, mask, h_mask
):
    """Runs `forward` over the chunks of a batch-major sequence.

    The arguments are those of `lstm_sequence`, which calls this.

    Returns:
        All h, `(batch, timesteps, units)`; the last h and the last C; and the fields of
        `Saved`. A sequence in several chunks gives an array (`_array`) for each field,
        with one element per chunk.
    """
    x, mask, weights = (
        to_time_major(x),
        mask_to_time_major(mask),
        Weights(kernel, recurrent_kernel, bias),
    )
    timesteps = size_of(x, 0)
    length, count = _chunks(timesteps, compiled, save)
    if length is None:
        h_sequence, h, c, *saved = forward(
            x, weights, h_0, c_0, mask, h_mask, timesteps, length, compiled, save
        )
        return _to_batch_major(h_sequence), h, c, *saved

    sequences = _pad_to_chunks((x, mask), length, count)

    def body(k, h, c, *arrays):
        x_k, mask_k = _get_chunk(k, length, sequences)
        steps = tf.minimum(length, timesteps - k * length)
        h_sequence, h, c, *saved = forward(
            x_k, weights, h, c, mask_k, h_mask, steps, length, compiled, save
        )
        values = (h_sequence, *saved)
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
    arrays = [_array(x.dtype, count, shape) for _ in range(1 + len(Saved._fields))]
    _, h, c, h_sequence, *saved = tf.while_loop(
        lambda k, *_: k < count,
        body,
        (0, h_0, c_0, *arrays),
        maximum_iterations=count if isinstance(count, int) else None,
    )
    h_sequence = _join_chunks(h_sequence, x.dtype, shape)[:timesteps]
    return _to_batch_major(h_sequence), h, c, *saved


def backward_in_chunks(
    compiled,
    save,
    x,
    kernel,
    recurrent_kernel,
    bias,
    h_0,
    c_0,
    mask,
    h_mask,
    h_sequence,
    saved,
    d_results,
):
    """Backpropagates through `forward_in_chunks`, from the last chunk to the first.

    The arguments are those of `forward_in_chunks`, and its results `h_sequence` and
    `saved`, and their gradients `d_results` as in `backward`.

    Returns:
        The gradients of x, of the three weights, of h_0 and of C_0.
    """
    weights = Weights(kernel, recurrent_kernel, bias)
    x, mask, h_sequence = (
        to_time_major(x),
        mask_to_time_major(mask),
        to_time_major(h_sequence),
    )
    timesteps = size_of(x, 0)
    length, count = _chunks(timesteps, compiled, save)
    if length is None:
        dx, dh, dc, d_weights = backward(
            *(x, weights, h_0, c_0, mask, h_mask, timesteps, length),
            *(h_sequence, Saved(*saved), d_results, compiled),
        )
        return _to_batch_major(dx), *d_weights, dh, dc

    dh_sequence, dh, dc = d_results
    dh_sequence = to_time_major(dh_sequence)
    sequences = _pad_to_chunks((x, mask, h_sequence, dh_sequence), length, count)
    size = length if isinstance(length, int) else -1
    shape, saved_shape = [size, *_shape(x)[1:]], [size, *_shape(h_0)]

    def body(k, dh, dc, dx_array, *d_weights):
        x_k, mask_k, h_k, dh_k = _get_chunk(k, length, sequences)
        steps = tf.minimum(length, timesteps - k * length)
        before = tf.maximum(k - 1, 0)
        saved_k = Saved(*(_read(array, k, x.dtype, saved_shape) for array in saved))
        c_before = _read(saved[-1], before, x.dtype, saved_shape)[length - 1]
        h_before = h_sequence[tf.maximum(k * length - 1, 0)]
        dx, dh, dc, d_k = backward(
            x_k,
            weights,
            tf.where(k > 0, h_before, h_0),
            tf.where(k > 0, c_before, c_0),
            *(mask_k, h_mask, steps, length, h_k, saved_k),
            (_to_batch_major(dh_k), dh, dc),
            compiled,
        )
        d_weights = (total + d for total, d in zip(d_weights, d_k, strict=True))
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
    dx = _join_chunks(dx, x.dtype, shape)[:timesteps]
    return _to_batch_major(dx), *d_weights, dh, dc


def _chunks(timesteps, compiled, save):
    """Returns the timesteps per chunk and the number of chunks.

    The first is None if the sequence is not cut; both are tensors if `timesteps` is.
    """
    if not save:
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
    """Returns whether training does not cut a sequence of this static length."""
    return timesteps < MIN_CHUNKED_TIMESTEPS


def _pad_to_chunks(sequences, length, count):
    """Pads sequences with zeros to whole chunks, if the chunk length is static.

    All sizes are then static, as XLA needs where it compiles the function around the
    layer. Entries that are None stay None.
    """
    if not isinstance(length, int):
        return sequences
    return [None if t is None else pad(t, count * length) for t in sequences]


def _get_chunk(k, length, sequences):
    """Slices chunk k; the last is shorter where the chunk length is a tensor."""
    start = k * length
    if not isinstance(length, int):
        return [None if t is None else t[start : start + length] for t in sequences]
    return [
        None if t is None else tf.slice(t, [start, 0, 0], [length, -1, t.shape[2]])
        for t in sequences
    ]


# Arrays of chunks are TensorLists (variant tensors): unlike a `tf.TensorArray`, they
# can be arguments and results of a `tf.function`.


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


def _join_chunks(array, dtype, shape):
    """Concatenates the elements of an array along the time axis."""
    stacked = tf.raw_ops.TensorListStack(
        input_handle=array, element_shape=shape, element_dtype=dtype
    )
    return tf.reshape(stacked, [-1, *(size_of(stacked, n) for n in (2, 3))])


def _shape(tensor):
    return [-1 if size is None else size for size in tensor.shape]


def to_time_major(sequences):
    """Transposes `(batch, timesteps, size)` to `(timesteps, batch, size)`, or back."""
    return tf.transpose(sequences, [1, 0, 2])


_to_batch_major = to_time_major


def mask_to_time_major(mask):
    """Transposes a mask `(batch, timesteps)` to `(timesteps, batch, 1)`, or None."""
    return None if mask is None else tf.transpose(mask)[..., tf.newaxis]
