"""Greedy and beam search over any step function, as one loop inside the graph."""

import tensorflow as tf

from apps.common.data.text import PADDING_ID
from apps.common.layers.masking import MASKED


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
    """Returns the sequence with the highest score that is found.

    A hypothesis that has its end stays in the beam until others surpass it; hypotheses
    of different lengths compare by their score, the log-probability divided by the
    length penalty, of which the end token is a part. The search goes on until none of
    those without an end can surpass the best of those with one.

    Args:
        step: Takes token ids `(rows,)` and a state; returns log-probabilities of the
            next tokens `(rows, tokens)` and the state. Rows are `batch_size * beam`.
        state: State before the first token, tensors `(batch_size, ...)` in any
            structure.
        batch_size: Number of sequences.
        start: Id that stands before a sequence.
        end: Id that ends one.
        beam: Hypotheses that are followed; 1 is greedy search.
        max_length: Tokens at most, the end token not counted.
        min_length: Tokens at least.
        length_penalty: Exponent a of ((5 + length) / 6) ** a, by which the
            log-probability is divided (Wu et al. 2016); 0 prefers short sequences.
        block_ngrams: No sequence of so many tokens comes twice; 0 allows it.

    Returns:
        `token_ids` int32 `(batch_size, max_length)`, padded after the end, which is
        left out; and `score` float32 `(batch_size,)`.
    """
    state = tf.nest.map_structure(lambda x: tf.repeat(x, beam, axis=0), state)
    first = tf.one_hot(0, beam, on_value=0.0, off_value=MASKED)  # the others are copies
    log_p = tf.tile(first[tf.newaxis], [batch_size, 1])
    ids = tf.fill([batch_size, beam, max_length], PADDING_ID)
    ended = tf.zeros([batch_size, beam], "bool")
    length = tf.zeros([batch_size, beam], "int32")
    last = tf.fill([batch_size, beam], start)

    def goes_on(t, last, ids, log_p, ended, length, state):
        # No other can become better than this, as scores only fall.
        highest = tf.where(ended, MASKED, _score(log_p, max_length, length_penalty))
        known = tf.where(ended, _score(log_p, length, length_penalty), MASKED)
        done = tf.reduce_max(known, axis=1) >= tf.reduce_max(highest, axis=1)
        return (t < max_length) & ~tf.reduce_all(done)

    def body(t, last, ids, log_p, ended, length, state):
        found, state = step(tf.reshape(last, [-1]), state)
        tokens = tf.shape(found)[1]
        found += tf.one_hot(PADDING_ID, tokens, on_value=MASKED, off_value=0.0)
        if min_length:
            early = tf.where(t < min_length, MASKED, 0.0)
            found += tf.one_hot(end, tokens, on_value=early, off_value=0.0)
        if 0 < block_ngrams <= max_length:
            rows = tf.reshape(ids, [-1, max_length])
            found = _without_repeats(found, rows, t, block_ngrams)
        found = tf.reshape(found, [batch_size, beam, tokens])
        # An ended hypothesis goes on with padding, at no cost.
        padding = tf.one_hot(PADDING_ID, tokens, on_value=0.0, off_value=MASKED)
        found = tf.where(ended[..., tf.newaxis], padding, found)
        total = log_p[..., tf.newaxis] + found  # (batch, beam, tokens)
        new_length = tf.where(ended, length, length + 1)
        scores = _score(total, new_length[..., tf.newaxis], length_penalty)
        _, best = tf.math.top_k(tf.reshape(scores, [batch_size, -1]), beam)
        parent, token = best // tokens, best % tokens

        def of_parent(x):
            return tf.gather(x, parent, batch_dims=1)

        total = tf.reshape(total, [batch_size, -1])
        log_p = tf.gather(total, best, batch_dims=1)
        shown = tf.where(token == end, PADDING_ID, token)
        ids = tf.where(
            tf.range(max_length) == t, shown[..., tf.newaxis], of_parent(ids)
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
    """Returns log-probabilities without tokens that would repeat a run of n.

    Args:
        log_p: `(rows, tokens)`.
        ids: What each row has so far, `(rows, longest)`, of which t are tokens.
        t: Number of tokens so far.
        n: Length of a run.
    """
    longest = ids.shape[1]
    begins = tf.range(longest - n + 1)  # where an earlier run may begin
    same = tf.broadcast_to(begins + n <= t, [tf.shape(ids)[0], longest - n + 1])
    for offset in range(n - 1):
        place = tf.maximum(t - n + 1 + offset, 0)
        now = tf.gather(ids, place, axis=1)[:, tf.newaxis]
        same &= ids[:, offset : longest - n + 1 + offset] == now
    followed = ids[:, n - 1 :]
    rows = tf.broadcast_to(
        tf.range(tf.shape(ids)[0])[:, tf.newaxis], tf.shape(followed)
    )
    return tf.tensor_scatter_nd_add(
        log_p, tf.stack([rows, followed], axis=-1), tf.where(same, MASKED, 0.0)
    )
