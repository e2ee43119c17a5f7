"""Rows at random: few of many, in order, always the same."""

import numpy as np
import pytest

from apps.common.data.splits import random_rows


@pytest.mark.parametrize("labels", [2, 8, 10])
def test_rows_whose_labels_take_turns_keep_their_labels(labels):
    rows = random_rows(1000 * labels, 1000)
    assert len(set(rows)) == 1000
    assert rows.tolist() == sorted(rows)
    assert rows.max() < 1000 * labels
    counts = np.bincount(rows % labels, minlength=labels)
    assert counts.min() > 0.7 * 1000 / labels
    assert rows.tolist() == random_rows(1000 * labels, 1000).tolist()


def test_few_rows_are_all():
    assert random_rows(3, 3).tolist() == random_rows(3, 9).tolist() == [0, 1, 2]
