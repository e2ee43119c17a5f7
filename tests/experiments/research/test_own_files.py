"""The comparison on one's own files: its sets, its points and its table."""

import csv
import json
import subprocess

import pytest

from apps.common.data.splits import normalised
from experiments.request import parse
from experiments.research.own_files import measure, sets
from experiments.research.own_files.__main__ import main
from experiments.research.own_files.measure import METHODS, points, tf_idf_accuracy
from experiments.research.own_files.report import table
from experiments.research.own_files.sets import SETS, OwnFile, make
from experiments.sentiment import TASK


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture
def small(monkeypatch, make_reviews):
    """A set of 150 distinct reviews, each of which stands twice."""
    reviews = make_reviews(150)
    twice = [*reviews, *((text.upper(), label) for text, label in reviews)]
    monkeypatch.setitem(SETS, "small", OwnFile(lambda: twice, 90, 40))
    return "small"


def test_no_text_is_in_both_parts_of_a_split_or_twice_in_one(small, tmp_path):
    make(small, 1, tmp_path)
    train, test = (rows_of(tmp_path / f"{name}.csv") for name in ("train", "test"))
    assert train[0] == test[0] == ["text", "label"]
    assert (len(train), len(test)) == (91, 41)
    assert len({normalised(text) for text, _ in [*train[1:], *test[1:]]}) == 130


def test_each_split_is_another_and_always_the_same(small, tmp_path):
    for name, split in (("a", 1), ("b", 1), ("c", 2)):
        make(small, split, tmp_path / name)
    a, b, c = (rows_of(tmp_path / name / "test.csv") for name in "abc")
    assert a == b
    assert a != c


def test_tf_idf_learns_from_the_whole_file(tmp_path):
    rows = [f"dull {n},bad\nwarm {n},good\n" for n in range(20)]
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(rows))
    test = "text,label\na warm film,good\na dull film,bad\na warm one,bad\n"
    (tmp_path / "test.csv").write_text(test)
    assert tf_idf_accuracy(tmp_path) == pytest.approx(2 / 3, abs=1e-4)


def test_a_point_is_measured_once(small, tmp_path, monkeypatch):
    commands = []

    def run(words, **options):
        commands.append(words)
        request = parse(TASK, words[3:])
        request.run_directory.mkdir(parents=True)
        (request.run_directory / "metrics.json").write_text('{"accuracy": 0.75}')
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(measure.subprocess, "run", run)
    first = list(points([small], [1], METHODS, tmp_path))
    assert list(points([small], [1], METHODS, tmp_path)) == first
    assert [p["method"] for p in first] == ["TF-IDF", "fixed", "adapted"]
    assert [p["accuracy"] for p in first[1:]] == [0.75, 0.75]
    lines = (tmp_path / "points.jsonl").read_text().splitlines()
    assert list(map(json.loads, lines)) == first
    assert len(commands) == 2


def test_a_training_that_fails_is_named(small, tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(measure.subprocess, "run", lambda words, **options: failed)
    with pytest.raises(ValueError, match="small-1-fixed: the training failed"):
        list(points([small], [1], ["fixed"], tmp_path))


def test_the_fixed_settings_are_those_of_before():
    recipe = TASK.config("files", measure.FIXED)
    assert recipe == TASK.config(
        "movie_snippets",
        [
            *measure.FIXED,
            *("data.dataset=files", "model.num_layers=1"),
            *("model.embedding_dropout=0.3",),
        ],
    )
    assert recipe.train.epochs == 8


def test_the_table_has_the_gain_over_the_better_other_method():
    accuracies = {
        ("a", 1): (0.5, 0.6, 0.7),
        ("a", 2): (0.5, 0.7, 0.9),
        ("b", 1): (0.8, 0.2, 0.7),
    }
    measured = [
        {"set": name, "split": split, "method": method, "accuracy": value}
        for (name, split), values in accuracies.items()
        for method, value in zip(METHODS, values, strict=True)
    ]
    assert table(measured).splitlines()[2:] == [
        "| a | 2 | 0.500 | 0.650 | 0.800 | +0.150 ± 0.050 |",
        "| b | 1 | 0.800 | 0.200 | 0.700 | -0.100 |",
        "| mean |  | 0.650 | 0.425 | 0.750 | +0.100 |",
    ]


@pytest.mark.parametrize(
    "part", [["--sets", "tweets"], ["--methods", "adapted"], ["--splits", "1"]]
)
def test_a_part_of_the_comparison_is_not_recorded(part, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--record", *part, "--directory", str(tmp_path)])
    assert "--record: expected all sets, methods and 5 splits" in (
        capsys.readouterr().err
    )


def test_messages_of_translations_are_without_markup():
    message = r"Enter %(name)s <b>or</b> \"%s\" in {field}."
    assert sets._without_markup(message) == 'Enter    or   "  " in  .'
