"""The comparison of two ways to read a text."""

from pathlib import Path

import numpy as np
import pytest

from apps.language_modeling import parts
from experiments.benchmarks import reading
from experiments.benchmarks.reading import (
    GRAPH,
    PARTS,
    PROCESSES,
    READER,
    measure_parts,
    result_of,
    table,
    write_large,
)


@pytest.fixture(autouse=True)
def reviews(monkeypatch):
    lines = [f"A film, number {n}; isn't it <br /><br />good?\n\n" for n in range(99)]

    def write_reviews(directory, megabytes):
        Path(directory, "train.txt").write_text("".join(lines), encoding="utf-8")

    monkeypatch.setattr(reading, "write_reviews", write_reviews)


@pytest.mark.slow
def test_a_text_in_parts_is_timed_with_one_process_and_with_several(monkeypatch):
    monkeypatch.setattr(parts, "PART_BYTES", 2000)
    rows = measure_parts(0.01)
    assert list(rows) == [PARTS, PROCESSES]
    assert {row["megabytes"] for row in rows.values()} == {0.014}


def test_a_large_text_is_the_reviews_again_and_again(tmp_path):
    write_large(tmp_path, 0.01)
    content = (tmp_path / "train.txt").read_text(encoding="utf-8")
    size = content.index("number 98") + len("number 98; isn't it <br /><br />good?\n\n")
    assert content == content[:size] * 3


def test_both_ways_are_timed_on_the_same_text(monkeypatch):
    monkeypatch.setattr(reading, "measure_parts", lambda megabytes: {})
    result = result_of(0.005, 2, 0.01)
    assert set(result["rows"]) == {GRAPH, READER}
    assert all(row["mb_per_s"] >= 0 for row in result["rows"].values())
    result["rows"][READER]["mb_per_s"] = 20.0
    result["rows"][GRAPH]["mb_per_s"] = 2.0
    assert "| 20.0 MB/s | 50 s |" in table(result)


def test_ways_that_read_different_ids_are_not_compared(monkeypatch):
    monkeypatch.setattr(reading, "read_by_graph", lambda config: np.zeros(3))
    with pytest.raises(ValueError, match="The two ways read different ids"):
        result_of(0.005, 1, 0.01)
