"""A sample of the tokens that stands for the vocabulary, in the training loss."""

import tensorflow as tf

from apps.common.layers.masking import MASKED
from lstm_layer.xla import compiled


def draw_tokens(seed, count, vocabulary_size):
    """Draws token ids, frequent ones more often, and tells how often each is expected.

    The ids are in the order of their frequency, which falls about as one over the rank:
    id k has the probability log((k + 2) / (k + 1)) / log(vocabulary_size + 1).

    Args:
        seed: Two integers.
        count: Number of ids; one may come twice.
        vocabulary_size: Number of ids to draw from.

    Returns:
        Ids, `(count,)`; and a function from ids to the logarithm of how often each is
        expected to be drawn.
    """
    ranges = tf.math.log(vocabulary_size + 1.0)
    drawn = tf.exp(tf.random.stateless_uniform([count], seed) * ranges)
    ids = tf.minimum(tf.cast(drawn, "int32") - 1, vocabulary_size - 1)

    def log_expected(token_ids):
        rank = tf.cast(token_ids, "float32")
        probability = tf.math.log1p(1 / (rank + 1)) / ranges
        return tf.math.log(count * probability)

    return ids, log_expected


@compiled
def sampled_cross_entropy(states, targets, vectors, bias, seed, count):
    """Returns the loss of each state, `(rows,)`, with a sample for the vocabulary.

    Importance sampling (Bengio and Senécal 2008; Jean et al. 2015): the sum over the
    vocabulary is that of the target, and an estimate of the others', for which each
    logit is less by the logarithm of how often its token is expected in the sample.

    Args:
        states: `(rows, embedding_dim)`.
        targets: Ids, `(rows,)`.
        vectors: `(vocabulary_size, embedding_dim)`, a vector a token.
        bias: `(vocabulary_size,)`.
        seed: Two integers.
        count: Tokens in the sample.
    """
    ids, log_expected = draw_tokens(seed, count, vectors.shape[0])
    own = tf.reduce_sum(states * tf.gather(vectors, targets), axis=-1)
    own += tf.gather(bias, targets)
    others = tf.matmul(states, tf.gather(vectors, ids), transpose_b=True)
    others += tf.gather(bias, ids) - log_expected(ids)
    # A target that is drawn as well would stand against itself.
    others = tf.where(targets[:, tf.newaxis] == ids, MASKED, others)
    logits = tf.concat([own[:, tf.newaxis], others], axis=1)
    return tf.reduce_logsumexp(logits, axis=1) - own
