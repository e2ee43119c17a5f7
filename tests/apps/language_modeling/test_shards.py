"""Token ids in several files are read like one array."""

import numpy as np
import pytest

from apps.language_modeling import shards
from apps.language_modeling.data import Windows
from apps.language_modeling.shards import Shards
from tests.apps.language_modeling.together import (
    load_together,
)


def test_windows_of_shards_are_those_of_an_array(text, tmp_path, small_parts):
    data = load_together(text, tmp_path / "corpora")[0]
    assert len(data.train.paths) > 3
    batches = [
        Windows(ids, 3, 10).shuffled(1).take(9).as_numpy_iterator()
        for ids in (data.train, data.train[:])
    ]
    for (ours, targets), (theirs, expected) in zip(*batches, strict=True):
        np.testing.assert_array_equal(ours["token_ids"], theirs["token_ids"])
        np.testing.assert_array_equal(targets, expected)


@pytest.mark.parametrize("most_open", [1, 9])
def test_a_slice_of_shards_is_that_of_the_array(most_open, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "OPEN_SHARDS", most_open)
    ids, lengths = np.arange(23, dtype="int32"), (7, 0, 1, 10, 5, 0)
    paths, start = [], 0
    for number, length in enumerate(lengths):
        paths.append(tmp_path / f"{number}.npy")
        np.save(paths[-1], ids[start : start + length])
        start += length
    found = Shards(paths, lengths)
    assert len(found) == 23
    for first in range(-2, 25):
        for end in (None, *range(-2, 25)):
            np.testing.assert_array_equal(found[first:end], ids[first:end])
    with pytest.raises(ValueError, match="consecutive"):
        found[::2]


def test_a_worker_opens_only_the_files_of_its_rows(text, tmp_path, small_parts):
    data = load_together(text, tmp_path / "corpora")[0]
    for path in data.train.paths[2:]:
        path.unlink()
    length = int(data.train.ends[2])
    assert len(data.train[length - 5 : length]) == 5
    with pytest.raises(FileNotFoundError):
        data.train[length : length + 1]
