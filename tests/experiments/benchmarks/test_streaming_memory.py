"""The measurement of streaming: its files, its rows and its table."""

import json
from collections import Counter

import pytest

from experiments.benchmarks import streaming_memory
from experiments.benchmarks.streaming_memory import SUFFIXES, main, table
from experiments.benchmarks.zipf_texts import word, write
from experiments.tables import BEGIN, DATA_PAGE, END

ROW = {
    "task": "sentiment",
    "megabytes": 1000,
    "rows": 1234567,
    "start_mb": 280,
    "peak_anonymous_mb": 700,
    "peak_mb": 1100,
    "minutes": 4.2,
    "mb_per_s": 4.0,
}


@pytest.fixture
def write_text(tmp_path):
    def write_text(task, megabytes=0.2):
        path = tmp_path / f"text{SUFFIXES[task]}"
        write(path, task, megabytes, words=300)
        return path

    return write_text


def test_words_are_distinct_and_the_frequent_ones_are_short():
    words = [word(rank) for rank in range(10_000)]
    assert len(set(words)) == 10_000
    assert [len(w) for w in words] == sorted(len(w) for w in words)


def test_words_have_frequencies_by_zipfs_law(write_text):
    counts = Counter(write_text("language_modeling").read_text().split())
    share = [counts[word(rank)] / counts[word(0)] for rank in (1, 3, 7)]
    assert share == pytest.approx([0.585, 0.322, 0.17], rel=0.2)


@pytest.mark.parametrize("task", SUFFIXES)
def test_a_file_has_the_size_asked_for_and_is_the_same_again(task, write_text):
    path = write_text(task)
    content = path.read_bytes()
    assert 200_000 <= len(content) < 400_000
    assert write_text(task).read_bytes() == content


@pytest.mark.parametrize("task", SUFFIXES)
def test_each_app_reads_its_file_and_the_peaks_are_noted(task, write_text, capsys):
    main(["--here", task, str(write_text(task))])
    row = json.loads(capsys.readouterr().out)
    assert set(row) == set(ROW)
    assert row["rows"] > 100
    assert 0 < row["start_mb"] <= row["peak_anonymous_mb"] <= row["peak_mb"]


def test_what_was_recorded_is_the_table_of_the_page(tmp_path, monkeypatch):
    page, result = tmp_path / "data.md", tmp_path / "streaming_memory.json"
    begin = BEGIN.format(streaming_memory.NAME)
    page.write_text(f"{begin}\n{END.format(streaming_memory.NAME)}\n")
    monkeypatch.setattr(streaming_memory, "PAGE", page)
    monkeypatch.setattr(streaming_memory, "RESULT", result)
    other = {**ROW, "task": "language_modeling", "megabytes": 100}
    for row in (ROW, {**other, "minutes": 9.9}, other):
        monkeypatch.setattr(streaming_memory, "run", lambda *_, row=row: [row])
        main(["--record"])
    assert table([other, ROW]) in page.read_text()
    assert "| sentiment | 1,000 MB | 1,234,567 texts | 280 MB |" in page.read_text()
    recorded = json.loads(result.read_text())
    assert recorded["rows"] == [other, ROW]
    assert recorded["command"].endswith(
        "streaming_memory --megabytes 100 1000 --record"
    )


def test_the_page_has_the_figures_that_were_recorded():
    if streaming_memory.RESULT.exists():
        page = DATA_PAGE.read_text(encoding="utf-8")
        assert streaming_memory.recorded_table() in page
