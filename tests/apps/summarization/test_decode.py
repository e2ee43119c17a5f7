"""Beam search against brute force on a tiny vocabulary."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from apps.summarization.decode import search

TOKENS, START, END = 5, 1, 2  # 0 padding, 1 start, 2 end, 3 and 4 are words
WIDE = 300  # a beam that loses nothing


def settings_of(**options):
    plain = {"min_length": 0, "length_penalty": 0.0, "block_ngrams": 0}
    return SimpleNamespace(**{**plain, **options})


@pytest.fixture
def log_p():
    """Log-probabilities of the next token, by sequence, token before it and time."""
    logits = np.random.default_rng(5).normal(0, 1.5, (3, TOKENS, 6, TOKENS))
    logits[..., START] = -30
    return tf.nn.log_softmax(logits.astype("float32"))


def found_by(log_p, settings):
    """Runs the search; the state is the sequence's number and the time."""
    rows = log_p.shape[0]

    @tf.function
    def run():
        def step(ids, state):
            return tf.gather_nd(log_p, tf.stack([state["row"], ids, state["t"]], 1)), {
                "row": state["row"],
                "t": state["t"] + 1,
            }

        state = {"row": tf.range(rows), "t": tf.zeros([rows], "int32")}
        return search(step, state, rows, START, END, **vars(settings))

    ids, score = run()
    return [[int(n) for n in row if n] for row in ids.numpy()], score.numpy()


def penalty(length, settings):
    return ((5 + length) / 6) ** settings.length_penalty


def repeats(words, n):
    runs = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(runs) > len(set(runs))


def best_of_all(log_p, row, settings):
    """Returns the best sequence of all, its end included if there is one."""
    best = ([], -np.inf)
    for count in range(settings.max_length + 1):
        for words in itertools.product((1, 3, 4), repeat=count):
            cut = count == settings.max_length
            if not cut and count < settings.min_length:
                continue
            if settings.block_ngrams and repeats(words, settings.block_ngrams):
                continue
            tokens = [*words] if cut else [*words, END]
            total = sum(
                float(log_p[row, before, t, token])
                for t, (before, token) in enumerate(
                    zip([START, *tokens], tokens, strict=False)
                )
            )
            score = total / penalty(len(tokens), settings)
            if score > best[1]:
                best = ([*words], score)
    return best


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_length": 2},
        {"length_penalty": 1.0},
        {"length_penalty": 2.0, "min_length": 1},
        {"block_ngrams": 1},
        {"block_ngrams": 2},
        {"block_ngrams": 3, "length_penalty": 1.5},
        {"block_ngrams": 2, "min_length": 4},
        {"max_length": 1},
        {"max_length": 6},
    ],
    ids=str,
)
def test_a_wide_beam_finds_the_best_of_all(log_p, options):
    settings = settings_of(**{"beam": WIDE, "max_length": 4, **options})
    best, scores = found_by(log_p, settings)
    for row in range(3):
        words, score = best_of_all(log_p, row, settings)
        assert best[row] == words
        assert scores[row] == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_best_of_all_without_a_repeat_is_found_where_repeats_would_win(n):
    logits = np.random.default_rng(5).normal(0, 0.5, (3, TOKENS, 6, TOKENS))
    logits[..., START] = -30
    logits[:, :, : n + 1, END] -= 4  # so that sequences are long enough to repeat
    logits[:, 3, :, 3] += 3
    log_p = tf.nn.log_softmax(logits.astype("float32")).numpy()
    for block_ngrams in (0, n):
        settings = settings_of(beam=WIDE, max_length=5, block_ngrams=block_ngrams)
        best, scores = found_by(log_p, settings)
        for row in range(3):
            words, score = best_of_all(log_p, row, settings)
            assert best[row] == words
            assert scores[row] == pytest.approx(score, abs=1e-4)
            assert repeats(words, n) == (block_ngrams == 0)


def test_a_beam_of_one_takes_the_most_probable_token_each_time(log_p):
    best, scores = found_by(log_p, settings_of(beam=1, max_length=6))
    for row in range(3):
        words, total, last = [], 0.0, START
        for t in range(6):
            choices = log_p[row, last, t].numpy()
            choices[0] = -np.inf
            last = int(choices.argmax())
            total += choices[last]
            if last == END:
                break
            words.append(last)
        assert best[row] == words
        assert scores[row] == pytest.approx(total, abs=1e-4)


def test_a_wider_beam_is_not_worse_here(log_p):
    scores = [
        found_by(log_p, settings_of(beam=b, max_length=5))[1] for b in (1, 2, WIDE)
    ]
    assert (scores[0] <= scores[2] + 1e-5).all()
    assert (scores[1] <= scores[2] + 1e-5).all()


def test_no_token_at_all_is_an_empty_sequence(log_p):
    best, scores = found_by(log_p, settings_of(beam=4, max_length=0))
    assert best == [[], [], []]
    np.testing.assert_array_equal(scores, 0)


def test_sequences_of_a_batch_do_not_see_one_another(log_p):
    settings = settings_of(beam=3, max_length=5, length_penalty=1.0, block_ngrams=2)
    together, scores = found_by(log_p, settings)
    for row in range(3):
        alone, score = found_by(log_p[row : row + 1], settings)
        assert alone[0] == together[row]
        assert score[0] == pytest.approx(scores[row], abs=1e-5)


def test_padding_never_comes(log_p):
    tempting = tf.tensor_scatter_nd_update(
        log_p, [[0, START, 0, 0], [0, 3, 1, 0]], [10.0, 10.0]
    )
    best, _ = found_by(tempting, settings_of(beam=WIDE, max_length=4))
    expected, _ = found_by(log_p, settings_of(beam=WIDE, max_length=4))
    assert best == expected
