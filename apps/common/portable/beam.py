"""Beam search over any step function with NumPy.

`apps.summarization.decode` does the same inside a graph.
"""

import numpy as np

from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import PADDING_ID

ROWS = 64  # of the table in `_top`


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

    Args:
        step: Takes token ids, int32 `(rows,)`, and a state; returns log-probabilities
            of the next tokens, float32 `(rows, tokens)`, and the state. Rows are
            `batch_size * beam`.
        state: State before the first token: arrays `(batch_size, ...)` by name.
        batch_size: Number of sequences.
        start: Token id that precedes a sequence.
        end: Token id that ends a sequence.
        beam: Number of hypotheses that are kept at each step; 1 is greedy search.
        max_length: Maximum number of tokens, without the end token.
        min_length: Minimum number of tokens, without the end token.
        length_penalty: Exponent a of the length penalty ((5 + length) / 6) ** a (Wu et
            al. 2016); 0 favours short sequences.
        block_ngrams: Length of the n-grams that a sequence may not repeat; 0 allows all
            repetition.

    Returns:
        `token_ids`, int32 `(batch_size, max_length)`, padded and without the end token;
        and `score`, float32 `(batch_size,)`.
    """
    state = {name: np.repeat(x, beam, axis=0) for name, x in state.items()}
    log_p = np.full((batch_size, beam), MASKED, "float32")
    log_p[:, 0] = 0  # the rest are copies
    ids = np.full((batch_size, beam, max_length), PADDING_ID, "int32")
    ended = np.zeros((batch_size, beam), "bool")
    length = np.zeros((batch_size, beam), "int32")
    last = np.full((batch_size, beam), start, "int32")
    sequence = np.arange(batch_size)[:, np.newaxis]
    for t in range(max_length):
        if _is_done(log_p, ended, length, max_length, length_penalty):
            break
        next_log_p, state = step(last.ravel(), state)
        next_log_p = np.array(next_log_p, "float32")
        tokens = next_log_p.shape[1]
        next_log_p[:, PADDING_ID] += np.float32(MASKED)
        if t < min_length:
            next_log_p[:, end] += np.float32(MASKED)
        if block_ngrams:
            _mask_repeats(next_log_p, ids.reshape(-1, max_length)[:, :t], block_ngrams)
        next_log_p = next_log_p.reshape(batch_size, beam, tokens)
        # A finished hypothesis continues with padding, of log-probability 0.
        next_log_p[ended] = MASKED
        next_log_p[ended, PADDING_ID] = 0
        new_length = np.where(ended, length, length + 1)
        next_log_p += log_p[..., np.newaxis]  # (batch, beam, tokens)
        scores = _score(next_log_p, new_length[..., np.newaxis], length_penalty)
        best = np.stack([_top(row, beam) for row in scores.reshape(batch_size, -1)])
        parent, last = best // tokens, (best % tokens).astype("int32")
        log_p = next_log_p[sequence, parent, last]
        ids = ids[sequence, parent]
        ids[:, :, t] = np.where(last == end, PADDING_ID, last)
        ended = ended[sequence, parent] | (last == end)
        length = new_length[sequence, parent]
        rows = (sequence * beam + parent).ravel()
        state = {name: x[rows] for name, x in state.items()}
    score = _score(log_p, length, length_penalty)
    best = np.argmax(score, axis=1)
    return ids[sequence[:, 0], best], score[sequence[:, 0], best]


def _is_done(log_p, ended, length, max_length, length_penalty):
    """Returns whether no unfinished hypothesis can exceed the best finished one."""
    # The highest score that an unfinished hypothesis can reach: log_p only falls.
    masked = np.float32(MASKED)
    highest = np.where(ended, masked, _score(log_p, max_length, length_penalty))
    known = np.where(ended, _score(log_p, length, length_penalty), masked)
    return (known.max(axis=1) >= highest.max(axis=1)).all()


def _score(log_p, length, length_penalty):
    penalty = (np.float32(5) + np.asarray(length, "float32")) / np.float32(6)
    return log_p / penalty ** np.float32(length_penalty)


def _top(scores, count):
    """Returns the places of the highest scores; of equal ones the first, as TensorFlow.

    Of many scores it first takes the highest in each column of a table of `ROWS` rows:
    at least `count` scores reach the lowest of the `count` highest of those.

    Args:
        scores: `(places,)`.
        count: Number of places, at most that of the scores.
    """
    highest, columns = scores, len(scores) // ROWS
    if columns >= count:
        highest = scores[: ROWS * columns].reshape(ROWS, columns).max(axis=0)
    lowest = np.partition(highest, len(highest) - count)[len(highest) - count]
    places = np.flatnonzero(scores >= lowest)
    return places[np.argsort(-scores[places], kind="stable")[:count]]


def _mask_repeats(log_p, ids, n):
    """Masks tokens that would repeat an n-gram, in place.

    Args:
        log_p: Log-probabilities of the next token, `(rows, tokens)`.
        ids: Each row's tokens so far, `(rows, timesteps)`.
        n: Length of the n-grams.
    """
    if ids.shape[1] < n:
        return
    grams = np.lib.stride_tricks.sliding_window_view(ids, n, axis=1)
    same = (grams[..., :-1] == ids[:, np.newaxis, ids.shape[1] - n + 1 :]).all(axis=-1)
    rows, places = np.nonzero(same)
    np.add.at(log_p, (rows, grams[rows, places, -1]), np.float32(MASKED))
