"""The smoothed 5-gram: a distribution that counts contexts, not occurrences."""

import numpy as np
import pytest

from experiments.research.kneser_ney import KneserNey


def test_the_5_gram_is_a_distribution():
    rng = np.random.default_rng(5)
    ids = rng.integers(1, 6, 300)
    model = KneserNey(ids, 3, 6)
    for context in [(), (1,), (2, 3), (5, 5), (6, 6), (1, 6)]:
        total = sum(model.probability(context, token) for token in range(1, 7))
        assert total == pytest.approx(1.0)


def test_the_5_gram_counts_contexts_not_occurrences():
    # 9 always follows 8; 7 follows four different tokens, as often as 9 in all.
    ids = [8, 9, 1, 7, 8, 9, 2, 7, 8, 9, 3, 7, 8, 9, 4, 7]
    model = KneserNey(ids, 2, 9)
    assert model.probability((8,), 9) > 0.7
    assert model.probability((5,), 7) > 2 * model.probability((5,), 9)


def test_the_5_gram_knows_a_text_that_it_has_read():
    ids = np.tile([1, 2, 3, 4, 5, 6, 7], 40)
    model = KneserNey(ids, 5, 7)
    assert model.perplexity(ids[:70], start=7) < 1.2
