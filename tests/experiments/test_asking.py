"""The exported models answer a sample of their test splits, in words."""

import base64
import dataclasses
import io
import json
import os
import random
import shutil

import pytest
import soundfile

from experiments import asking
from experiments.asking import ANSWERS, answer_row, answers_of_export, sample
from experiments.tasks import TASKS

RUNS = {
    "language_modeling": "finished_language_run",
    "sentiment": "finished_run",
    "speech_commands": "finished_speech_run",
    "summarization": "finished_summarization_run",
    "question_answering": "finished_question_run",
}


@pytest.fixture
def version_of(request, tmp_path):
    """Returns a copy of an app's exported version, in a copy of its run."""

    def copy(app):
        run = request.getfixturevalue(RUNS[app])
        shutil.copytree(run, tmp_path / app)
        return tmp_path / app / "export" / app / "1"

    return copy


@pytest.mark.parametrize("app", RUNS)
def test_each_app_answers_inputs_of_its_test_split(version_of, app):
    """Of a classifier an answer is right if it begins with the expected one."""
    version = version_of(app)
    rows = answers_of_export(TASKS[app], version)
    metrics = json.loads((version.parents[2] / "metrics.json").read_text())
    asked = [row for row in rows if row["expected"] is not None]
    if app != "language_modeling":  # which counts tokens, not texts
        assert len(asked) == min(asking.EXAMPLES, metrics["examples"])
    for row in asked:
        classifies = app not in ("language_modeling", "summarization")
        word = row["answer"].rpartition(", ")[0]
        assert row["right"] == ((word == row["expected"]) if classifies else None)
        assert bool(row["score"]) == (app == "summarization")
        assert bool(row["context"]) == (app == "question_answering")
        assert bool(row["sound"]) == (app == "speech_commands")
    ours = [row["question"] for row in rows if row["expected"] is None]
    assert ours == (list(TASKS[app].questions) if app == "sentiment" else [])


def test_a_language_model_continues_the_beginning_of_a_test_text(version_of):
    rows = answers_of_export(
        TASKS["language_modeling"], version_of("language_modeling")
    )
    for row in rows:
        assert len(row["question"].removesuffix(" …").split()) <= 6
        assert not row["answer"].startswith(row["question"].removesuffix(" …"))
    assert any(row["answer"] for row in rows)


def test_a_clip_can_be_heard_at_its_sample_rate(version_of):
    rows = answers_of_export(TASKS["speech_commands"], version_of("speech_commands"))
    sound, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(rows[0]["sound"])))
    assert rate_hz == 8000
    assert len(sound) == 1600  # 200 ms
    assert abs(sound).max() > 0


def test_the_sample_is_the_same_each_time_and_all_of_a_small_split():
    assert sample(1092) == sorted(random.Random(1).sample(range(1092), 8))
    assert sample(3) == [0, 1, 2]


def test_an_export_is_asked_once_and_a_new_one_again(version_of):
    version, counted = version_of("sentiment"), []

    def ask(answers):
        counted.append(answers)
        return [answer_row("Good?", "positive")]

    task = dataclasses.replace(TASKS["sentiment"], ask=ask)
    first = answers_of_export(task, version)
    assert first == answers_of_export(task, version)
    assert len(counted) == 1
    os.utime(version.parents[2] / ANSWERS, (0, 0))  # as if the export were newer
    answers_of_export(task, version)
    assert len(counted) == 2


def test_without_onnx_tensorflow_is_asked_and_answers_alike(version_of):
    version = version_of("sentiment")
    rows = answers_of_export(TASKS["sentiment"], version)
    shutil.rmtree(version / "onnx")
    (version.parents[2] / ANSWERS).unlink()
    assert answers_of_export(TASKS["sentiment"], version) == rows


@pytest.fixture
def evaluated(tmp_path):
    metrics = {
        "examples": 1000,
        "accuracy": 0.9,
        "baseline": {"name": "one", "accuracy": 0.5},
    }
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path


def test_the_table_has_a_line_per_app_and_says_what_was_wrong(
    evaluated, monkeypatch, capsys
):
    monkeypatch.setenv("COLUMNS", "80")
    rows = [answer_row("A film?", "positive, 90%", expected="negative", right=False)]
    long = [answer_row("word " * 30, "positive, 90%", expected="positive", right=True)]
    task = TASKS["sentiment"]
    asking.print_answers([(task, evaluated, rows), (task, evaluated, long)])
    _, header, first, second = capsys.readouterr().out.splitlines()
    assert header.endswith("on the test split   baseline  one of its inputs: answer")
    assert first == (
        "  sentiment  900 of 1,000 right       500  A film?: positive, 90% (wrong: n…"
    )
    assert second == (
        "  sentiment  900 of 1,000 right       500  word word word word word…: "
        "positive, 90%"
    )
