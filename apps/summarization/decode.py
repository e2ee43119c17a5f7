"""Beam search over any step function, as one loop inside the graph."""

import tensorflow as tf

from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import PADDING_ID


def search(
    step,
    state,
    batch_size,
    start,
    end,
    *,
    beam,
    max_length,
    min_length,
    length_penalty,
    block_ngrams,
):
    """Searches for the sequence with the highest score by beam search.

    The score of a hypothesis is its log-probability divided by the length penalty; the
    end token counts as a token. A finished hypothesis stays in the beam until better
    ones displace it. The search stops when no unfinished hypothesis can exceed the best
    finished one.

    The arguments and results are those of `apps.common.portable.beam.search`, with
    tensors for arrays; `state` may have any structure.
    """
    state = tf.nest.map_structure(lambda x: tf.repeat(x, beam, axis=0), state)
    first = tf.one_hot(0, beam, on_value=0.0, off_value=MASKED)  # the rest are copies
    log_p = tf.tile(first[tf.newaxis], [batch_size, 1])
    ids = tf.fill([batch_size, beam, max_length], PADDING_ID)
    ended = tf.zeros([batch_size, beam], "bool")
    length = tf.zeros([batch_size, beam], "int32")
    last = tf.fill([batch_size, beam], start)

    def goes_on(t, last, ids, log_p, ended, length, state):
        # The highest score that an unfinished hypothesis can reach: log_p only falls.
        highest = tf.where(ended, MASKED, _score(log_p, max_length, length_penalty))
        known = tf.where(ended, _score(log_p, length, length_penalty), MASKED)
        done = tf.reduce_max(known, axis=1) >= tf.reduce_max(highest, axis=1)
        return (t < max_length) & ~tf.reduce_all(done)

    def body(t, last, ids, log_p, ended, length, state):
        next_log_p, state = step(tf.reshape(last, [-1]), state)
        tokens = tf.shape(next_log_p)[1]
        next_log_p += tf.one_hot(PADDING_ID, tokens, on_value=MASKED, off_value=0.0)
        if min_length:
            early = tf.where(t < min_length, MASKED, 0.0)
            next_log_p += tf.one_hot(end, tokens, on_value=early, off_value=0.0)
        if 0 < block_ngrams <= max_length:
            rows = tf.reshape(ids, [-1, max_length])
            next_log_p = _without_repeats(next_log_p, rows, t, block_ngrams)
        next_log_p = tf.reshape(next_log_p, [batch_size, beam, tokens])
        # A finished hypothesis continues with padding, of log-probability 0.
        padding = tf.one_hot(PADDING_ID, tokens, on_value=0.0, off_value=MASKED)
        next_log_p = tf.where(ended[..., tf.newaxis], padding, next_log_p)
        total = log_p[..., tf.newaxis] + next_log_p  # (batch, beam, tokens)
        new_length = tf.where(ended, length, length + 1)
        scores = _score(total, new_length[..., tf.newaxis], length_penalty)
        _, best = tf.math.top_k(tf.reshape(scores, [batch_size, -1]), beam)
        parent, token = best // tokens, best % tokens

        def of_parent(x):
            return tf.gather(x, parent, batch_dims=1)

        total = tf.reshape(total, [batch_size, -1])
        log_p = tf.gather(total, best, batch_dims=1)
        new_ids = tf.where(token == end, PADDING_ID, token)
        ids = tf.where(
            tf.range(max_length) == t, new_ids[..., tf.newaxis], of_parent(ids)
        )
        row = tf.range(batch_size)[:, tf.newaxis] * beam + parent
        row = tf.reshape(row, [-1])
        return (
            t + 1,
            token,
            ids,
            log_p,
            of_parent(ended) | (token == end),
            of_parent(new_length),
            tf.nest.map_structure(lambda x: tf.gather(x, row), state),
        )

    _, _, ids, log_p, _, length, _ = tf.while_loop(
        goes_on, body, (tf.constant(0), last, ids, log_p, ended, length, state)
    )
    score = _score(log_p, length, length_penalty)
    best = tf.argmax(score, axis=1)
    return (
        tf.gather(ids, best, batch_dims=1),
        tf.gather(score, best, batch_dims=1),
    )


def _score(log_p, length, length_penalty):
    penalty = (5.0 + tf.cast(length, "float32")) / 6.0
    return log_p / penalty**length_penalty


def _without_repeats(log_p, ids, t, n):
    """Masks tokens that would repeat an n-gram; returns the log-probabilities.

    Args:
        log_p: Log-probabilities of the next token, `(rows, tokens)`.
        ids: Each row's tokens so far, padded, `(rows, max_length)`.
        t: Number of tokens so far.
        n: Length of the n-grams.
    """
    max_length = ids.shape[1]
    begins = tf.range(max_length - n + 1)  # first positions of earlier n-grams
    same = tf.broadcast_to(begins + n <= t, [tf.shape(ids)[0], max_length - n + 1])
    for offset in range(n - 1):
        position = tf.maximum(t - n + 1 + offset, 0)
        current = tf.gather(ids, position, axis=1)[:, tf.newaxis]
        same &= ids[:, offset : max_length - n + 1 + offset] == current
    followed = ids[:, n - 1 :]
    rows = tf.broadcast_to(
        tf.range(tf.shape(ids)[0])[:, tf.newaxis], tf.shape(followed)
    )
    return tf.tensor_scatter_nd_add(
        log_p, tf.stack([rows, followed], axis=-1), tf.where(same, MASKED, 0.0)
    )
