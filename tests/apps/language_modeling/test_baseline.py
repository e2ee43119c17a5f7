"""The smoothed 5-gram: a distribution that counts contexts, not occurrences."""

import numpy as np
import pytest

from apps.language_modeling import baseline
from apps.language_modeling.baseline import log_probabilities, measure_baseline
from apps.language_modeling.data import load_data


def probability(train, context, token, order, size):
    """Returns the probability of a token after a context that follows the start, 99."""
    ids = np.array([*context, token])
    return np.exp(log_probabilities(np.array(train), ids, 99, size, order)[-1])


def test_the_5_gram_is_a_distribution():
    train = np.random.default_rng(5).integers(1, 6, 300)
    for context in [(), (1,), (2, 3), (5, 5), (6, 6), (1, 6)]:
        total = sum(probability(train, context, token, 3, 6) for token in range(1, 7))
        assert total == pytest.approx(1.0), context


def test_the_2_gram_is_that_by_hand():
    # Of the 2-grams 12, 21, 13, 31 and twice 11: 11 occurs twice, the others once.
    train = [1, 2, 1, 1, 1, 3, 1]
    discount = 4 / (4 + 2 * 1)  # of 2-grams
    # As the end of 2-grams: 1 after three tokens, 2 and 3 after one each.
    short = 2 / 2  # the discount of 1-grams: two of count 1, none of count 2
    rest = 3 * short / 5  # share of the uniform distribution over 4 tokens
    after = {1: (3 - short) / 5 + rest / 4, 2: rest / 4, 4: rest / 4}
    for token, count in ((1, 2), (2, 1), (4, 0)):
        kept = max(count - discount, 0)
        expected = (kept + 3 * discount * after[token]) / 4  # 1 precedes 4 tokens
        assert probability(train, (1,), token, 2, 4) == pytest.approx(expected)


def test_the_5_gram_counts_contexts_not_occurrences():
    # 9 always follows 8; 7 follows four different tokens, as often as 9 in all.
    train = [8, 9, 1, 7, 8, 9, 2, 7, 8, 9, 3, 7, 8, 9, 4, 7]
    assert probability(train, (8,), 9, 2, 9) > 0.7
    seven, nine = (probability(train, (5,), token, 2, 9) for token in (7, 9))
    assert seven > 2 * nine


def test_the_5_gram_knows_a_text_that_it_has_read():
    ids = np.tile([1, 2, 3, 4, 5, 6, 7], 40)
    log_p = log_probabilities(ids, ids[:70], start=7, vocabulary_size=7)
    assert np.exp(-log_p.mean()) < 1.2


def test_a_token_that_never_occurred_has_a_probability():
    """Of three tokens in a long text no short n-gram occurs once."""
    ids = np.random.default_rng(1).integers(1, 4, 300)
    log_p = log_probabilities(ids, np.array([4, 1]), start=3, vocabulary_size=4)
    assert np.isfinite(log_p).all()


def test_a_test_text_does_not_go_on_from_the_training_text():
    train = [*np.tile([2, 9, 1, 3, 9, 4], 40), 2]  # 1 follows 2 9, and 4 follows 3 9
    first = log_probabilities(train, np.array([1]), start=9, vocabulary_size=9)
    assert np.exp(first[0]) < 0.5


def test_it_reads_the_first_tokens_of_the_training_split(language_config, monkeypatch):
    monkeypatch.setattr(baseline, "MAX_TOKENS", 50)
    data = load_data(language_config.data, ("train", "test"))
    vocabulary, start = data.vocabulary, 2
    name, log_p = measure_baseline(language_config.data, data.test, vocabulary, start)
    size = len(vocabulary) - 1
    expected = log_probabilities(data.train[:50], data.test, start, size)
    np.testing.assert_array_equal(log_p, expected)
    assert name == "Kneser-Ney 5-gram of 50 tokens"
