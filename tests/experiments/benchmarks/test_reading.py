"""The comparison of two ways to read a text."""

from pathlib import Path

import numpy as np
import pytest

from experiments.benchmarks import reading
from experiments.benchmarks.reading import GRAPH, READER, result_of, table


@pytest.fixture(autouse=True)
def reviews(monkeypatch):
    lines = [f"A film, number {n}; isn't it <br /><br />good?\n\n" for n in range(99)]

    def write_reviews(directory, megabytes):
        Path(directory, "train.txt").write_text("".join(lines), encoding="utf-8")

    monkeypatch.setattr(reading, "write_reviews", write_reviews)


def test_both_ways_are_timed_on_the_same_text():
    result = result_of(0.005, 2)
    assert set(result["rows"]) == {GRAPH, READER}
    assert all(row["mb_per_s"] >= 0 for row in result["rows"].values())
    result["rows"][READER]["mb_per_s"] = 20.0
    result["rows"][GRAPH]["mb_per_s"] = 2.0
    assert "| 20.0 MB/s | 50 s |" in table(result)


def test_ways_that_read_different_ids_are_not_compared(monkeypatch):
    monkeypatch.setattr(reading, "read_by_graph", lambda config: np.zeros(3))
    with pytest.raises(ValueError, match="The two ways read different ids"):
        result_of(0.005, 1)
