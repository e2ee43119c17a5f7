"""The tasks with long-term dependencies: a target follows from its sequence."""

import numpy as np
import pytest

from experiments.research.long_term_dependencies.tasks import (
    COPIED,
    LANGUAGES,
    SYMBOLS,
    TASKS,
    adding,
    agreement,
    agreement_words,
    copying,
    temporal_order,
)


def rng():
    return np.random.default_rng(3)


def test_adding_marks_one_number_in_each_half():
    x, y = adding(rng(), 50, 30)
    assert x.shape == (50, 30, 2)
    assert y.shape == (50, 1)
    assert (x[:, :15, 1].sum(axis=1) == 1).all()
    assert (x[:, 15:, 1].sum(axis=1) == 1).all()
    np.testing.assert_allclose((x[..., 0] * x[..., 1]).sum(axis=1), y[:, 0], rtol=1e-6)


def test_a_constant_has_the_error_that_chance_says():
    _, y = adding(rng(), 20000, 4)
    assert abs(np.mean((y - 1) ** 2) - TASKS["adding"].chance) < 0.005


def test_copying_shows_the_symbols_first_and_asks_after_the_gap():
    x, y = copying(rng(), 20, 25)
    assert x.shape == (20, 25 + 2 * COPIED)
    assert y.shape == (20, COPIED)
    np.testing.assert_array_equal(x[:, :COPIED], y)
    assert y.max() < SYMBOLS
    assert (x[:, -COPIED - 1] == SYMBOLS + 1).all()
    between = np.delete(x[:, COPIED:], 24, axis=1)
    assert (between == SYMBOLS).all()


@pytest.mark.parametrize(
    ("task", "good", "bad"),
    [("adding", 0.01, 0.02), ("copying", 0.99, 0.98), ("agreement", 1.0, 0.125)],
)
def test_a_task_is_solved_by_a_small_error_or_a_high_accuracy(task, good, bad):
    assert TASKS[task].is_solved(good)
    assert not TASKS[task].is_solved(bad)
    assert not TASKS[task].is_solved(TASKS[task].chance)


@pytest.mark.parametrize("gap", [5, 20, 200])
def test_temporal_order_follows_from_the_two_symbols(gap):
    x, y = temporal_order(rng(), 200, gap)
    for row, answer in zip(x, y, strict=True):
        places = np.flatnonzero(row < 2)
        assert len(places) == 2
        assert answer == 2 * row[places[0]] + row[places[1]]
        assert gap <= len(row) - 1 - places[1] <= gap + 2 * max(2, gap // 10)
        assert places[1] - places[0] >= gap - max(2, gap // 10)
    assert set(y) == {0, 1, 2, 3}


@pytest.mark.parametrize("gap", [4, 20, 50, 200])
def test_agreement_asks_for_the_language_after_the_gap(gap):
    words = np.array(agreement_words())
    x, y = agreement(rng(), 50, gap)
    countries = list(LANGUAGES)
    for row, answer in zip(words[x], y, strict=True):
        assert list(row[:3]) == ["I", "live", "in"]
        assert list(row[-2:]) == ["I", "speak"]
        (place,) = np.flatnonzero(np.isin(row, countries))
        assert countries.index(row[place]) == answer
        assert len(row) - 1 - place == gap


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_sequences_differ_and_come_again_from_a_seed(task):
    gap = task.gaps[0]
    x, y = task.make(rng(), 8, gap)
    again, _ = task.make(rng(), 8, gap)
    np.testing.assert_array_equal(x, again)
    assert np.abs(x[0] - x[1]).max() > 0
    assert len(y) == 8
