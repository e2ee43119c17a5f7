"""The curve over numbers of labels: its commands, its table and its record."""

import json
import subprocess
from dataclasses import asdict

import pytest

from apps.common.config import load_config
from apps.sentiment.config import Config
from experiments.request import parse
from experiments.research import label_curve
from experiments.research.label_curve import (
    EVERY,
    KINDS,
    STEPS,
    command,
    main,
    measure,
    table,
)
from experiments.sentiment import TASK
from experiments.tables import BEGIN, END


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Notes the commands instead of running them; writes metrics as the app does."""
    monkeypatch.chdir(tmp_path)
    commands = []

    def run(words):
        commands.append(words)
        request = parse(TASK, words[3:])
        directory = request.run_directory
        directory.mkdir(parents=True, exist_ok=True)
        metrics = {
            "accuracy": 0.5 + len(commands) / 100,
            "parameters": 7,
            "train_minutes": 1.5,
        }
        (directory / "metrics.json").write_text(json.dumps(metrics))
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


@pytest.mark.parametrize("labels", STEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_command_of_each_point_is_one_that_the_app_takes(kind, labels, tmp_path):
    words = command(kind, labels, tmp_path)
    assert words[:2] == ["-m", "experiments.sentiment"]
    request = parse(TASK, words[2:])
    assert request.verbs == ["train", "evaluate"]
    config = TASK.config(request.recipe, request.overrides)
    assert config.data.labelled == (labels if labels < EVERY else 0)
    assert bool(config.model.pretrained) == (kind == "language-model")


def test_with_all_labels_the_points_are_their_recipes(tmp_path):
    for kind, (recipe, changes) in KINDS.items():
        request = parse(TASK, command(kind, EVERY, tmp_path)[2:])
        assert request.overrides == changes
        whole = load_config(Config, TASK.recipe_path(recipe), changes)
        assert asdict(TASK.config(request.recipe, request.overrides)) == asdict(whole)


def test_a_training_that_fails_ends_the_curve(monkeypatch, tmp_path):
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(subprocess, "run", lambda words: failed)
    with pytest.raises(ValueError, match=r"random-weights-100: the training failed"):
        measure("random-weights", 100, tmp_path)


def test_with_all_labels_the_run_of_the_recipe_is_taken(trained, tmp_path):
    for kind, path in {
        "language-model": "runs/sentiment/imdb_pretrained/seed-1",
        "random-weights": "elsewhere/random-weights-25000",
        "word-vectors": "runs/sentiment/imdb/seed-1",
    }.items():
        measure(kind, EVERY, tmp_path / "elsewhere")
        assert (tmp_path / path / "metrics.json").exists()


def test_a_part_of_the_curve_is_a_table_and_a_picture(trained, tmp_path, capsys):
    main(
        [
            *("--labels", "1000", "100", "--begins-from", "language-model"),
            *("--directory", str(tmp_path)),
        ]
    )
    assert len(trained) == 2
    output = capsys.readouterr().out
    assert "| begins from | 100 labels | 1,000 labels |" in output
    assert "| language model | 0.510 | 0.520 |" in output
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_point_that_is_not_there_is_left_empty():
    rows = [
        {"kind": "a", "labels": 100, "accuracy": 0.7},
        {"kind": "b", "labels": 1000, "accuracy": 0.8},
    ]
    assert table(rows).splitlines()[2:] == ["| a | 0.700 |  |", "| b |  | 0.800 |"]


def test_points_are_recorded_one_after_the_other_and_are_the_page_s(
    trained, tmp_path, monkeypatch
):
    page = tmp_path / "sentiment.md"
    name = label_curve.NAME
    page.write_text(f"{BEGIN.format(name)}\n{END.format(name)}\n")
    for constant, value in {
        "PAGE": page,
        "RESULT": tmp_path / "curve.json",
        "PICTURE": tmp_path / "curve.png",
    }.items():
        monkeypatch.setattr(label_curve, constant, value)
    runs = ["--record", "--directory", str(tmp_path / "runs")]
    main([*runs, "--labels", "1000"])
    main([*runs, "--labels", "100", "--begins-from", "word-vectors"])
    main([*runs, "--labels", "1000", "--begins-from", "language-model"])
    rows = json.loads((tmp_path / "curve.json").read_text())["rows"]
    assert [(row["kind"], row["labels"], row["accuracy"]) for row in rows] == [
        ("language-model", 1000, 0.55),
        ("random-weights", 1000, 0.52),
        ("word-vectors", 100, 0.54),
        ("word-vectors", 1000, 0.53),
    ]
    assert table(rows) in page.read_text()
    assert "6 minutes of training" in page.read_text()
    assert (tmp_path / "curve.png").exists()
