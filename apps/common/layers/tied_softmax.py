"""Cross-entropy of a softmax over the vocabulary, with a gradient written by hand."""

import tensorflow as tf

SMALLEST = 2.0**-126  # of float32, without subnormal numbers


def tied_cross_entropy(states, targets, vectors, bias, dtype="float32"):
    """Returns the cross-entropy of each state, `(rows,)`, float32.

    Logits become probabilities at once, and the gradient takes these again: it computes
    no second exponential, and no difference of probabilities and targets. What the
    targets add to the gradient are single rows, in float32. A loss is at most 87.3,
    where the probability of a target is too small for float32. The gradient has no
    derivative.

    Args:
        states: `(rows, embedding_dim)`.
        targets: Token ids, `(rows,)`.
        vectors: Softmax weights, `(vocabulary_size, embedding_dim)`.
        bias: Softmax bias, `(vocabulary_size,)`.
        dtype: Data type of the three matrix products and of the probabilities.
    """

    @tf.custom_gradient
    def losses(states, vectors, bias):
        weights = tf.cast(vectors, dtype)
        # The bias is two more columns: in bfloat16, the sum would be another pass.
        columns = tf.concat([weights, _in_two(bias, dtype)], axis=1)
        ones = tf.ones([tf.shape(states)[0], 2], dtype)
        rows = tf.concat([tf.cast(states, dtype), ones], axis=1)
        p = tf.nn.softmax(tf.matmul(rows, columns, transpose_b=True))
        p_target = tf.cast(tf.gather(p, targets, batch_dims=1), "float32")

        def gradient(upstream):
            factor = upstream[:, tf.newaxis]
            d_states = tf.cast(tf.matmul(p, weights), "float32")
            d_states = factor * (d_states - tf.gather(vectors, targets))
            scaled, ids = factor * states, targets[:, tf.newaxis]
            d_vectors = tf.matmul(p, tf.cast(scaled, dtype), transpose_a=True)
            d_vectors = tf.tensor_scatter_nd_sub(
                tf.cast(d_vectors, "float32"), ids, scaled
            )
            d_bias = tf.matmul(_in_two(upstream, dtype), p, transpose_a=True)
            d_bias = tf.reduce_sum(tf.cast(d_bias, "float32"), axis=0)
            return (
                d_states,
                d_vectors,
                tf.tensor_scatter_nd_sub(d_bias, ids, upstream),
            )

        return -tf.math.log(tf.maximum(p_target, SMALLEST)), gradient

    return losses(states, vectors, bias)


def _in_two(values, dtype):
    """Returns two columns whose sum is closer to `values` than one in `dtype`."""
    high = tf.cast(values, dtype)
    low = tf.cast(values - tf.cast(high, "float32"), dtype)
    return tf.stack([high, low], axis=1)
