"""Sampled softmax: estimates the training loss from a sample of the vocabulary."""

import tensorflow as tf

from apps.common.portable.masking import MASKED
from lstm_layer.xla import compiled


def draw_tokens(seed, count, vocabulary_size):
    """Draws token ids from a log-uniform distribution, with replacement.

    Ids are sorted by frequency, which is about proportional to 1 / rank (Zipf). Id k
    has the probability log((k + 2) / (k + 1)) / log(vocabulary_size + 1).

    Args:
        seed: Two integers.
        count: Number of ids to draw.
        vocabulary_size: Number of ids to draw from.

    Returns:
        Ids, `(count,)`; and a function from ids to the logarithm of their expected
        number of draws.
    """
    log_range = tf.math.log(vocabulary_size + 1.0)
    drawn = tf.exp(tf.random.stateless_uniform([count], seed) * log_range)
    ids = tf.minimum(tf.cast(drawn, "int32") - 1, vocabulary_size - 1)

    def log_expected(token_ids):
        rank = tf.cast(token_ids, "float32")
        probability = tf.math.log1p(1 / (rank + 1)) / log_range
        return tf.math.log(count * probability)

    return ids, log_expected


@compiled
def sampled_cross_entropy(states, targets, vectors, bias, seed, count):
    """Returns the cross-entropy of each state, `(rows,)`, from a sample of tokens.

    The softmax runs over the target and the sampled tokens. By importance sampling,
    each sampled logit is reduced by the logarithm of its token's expected number of
    draws. Source: Bengio and Senécal 2008; Jean et al. 2015.

    Args:
        states: `(rows, embedding_dim)`.
        targets: Token ids, `(rows,)`.
        vectors: Softmax weights, `(vocabulary_size, embedding_dim)`.
        bias: Softmax bias, `(vocabulary_size,)`.
        seed: Two integers.
        count: Number of tokens in the sample.
    """
    ids, log_expected = draw_tokens(seed, count, vectors.shape[0])
    target_logit = tf.reduce_sum(states * tf.gather(vectors, targets), axis=-1)
    target_logit += tf.gather(bias, targets)
    others = tf.matmul(states, tf.gather(vectors, ids), transpose_b=True)
    others += tf.gather(bias, ids) - log_expected(ids)
    # A target in the sample would count twice.
    others = tf.where(targets[:, tf.newaxis] == ids, MASKED, others)
    logits = tf.concat([target_logit[:, tf.newaxis], others], axis=1)
    return tf.reduce_logsumexp(logits, axis=1) - target_logit
