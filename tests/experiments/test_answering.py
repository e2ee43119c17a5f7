"""Which engine answers `predict`: ONNX Runtime, if its export is of this very run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.answering import answers_of, signature_of
from experiments.tasks import TASKS

RUNS = {
    "language_modeling": ("finished_language_run", ["A joy.", "", "a b \ud83d"]),
    "question_answering": ("finished_question_run", ["mary is here ||| where is mary"]),
    "sentiment": ("finished_run", ["a warm film", "", "bad " * 400]),
    "speech_commands": ("finished_speech_run", None),
    "summarization": ("finished_summarization_run", ["The Rhine is a river.", "?"]),
}
EXPORT = "export/sentiment/1/onnx"
FRESH = """
import sys
from experiments.run import main
from experiments.tasks import TASKS
try:
    main(TASKS["sentiment"], sys.argv[1:])
finally:
    print(sorted({"tensorflow", "keras", "sklearn"} & set(sys.modules)))
"""


def refuse():
    raise AssertionError("TensorFlow was loaded")


@pytest.fixture
def copy(finished_run, tmp_path):
    return shutil.copytree(finished_run, tmp_path / "run", symlinks=True)


def close(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[n], other[n]) for n in one)
    if isinstance(one, list):
        return all(close(a, b) for a, b in zip(one, other, strict=True))
    return one == other or one == pytest.approx(other, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("app", RUNS)
def test_onnx_runtime_prints_what_tensorflow_prints(app, request, capsys):
    name, inputs = RUNS[app]
    run, task = request.getfixturevalue(name), TASKS[app]
    if inputs is None:
        inputs = request.getfixturevalue("sound_files")[:2]
    answers = answers_of(task, run, refuse)
    assert capsys.readouterr().err.startswith("ONNX Runtime answers, from ")
    expected = task.predictor(run).predict(inputs)
    actual = answers.predict(inputs)
    for one, other in zip(actual, expected, strict=True):
        assert close(one, other), (one, other)
        assert list(one) == list(other)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda run: touched(run / "model.keras"), "the run's model.keras changed"),
        (lambda run: touched(run / "labels.txt"), "the run's labels.txt changed"),
        (lambda run: touched(run / "config.yaml"), "the run's config.yaml changed"),
        (lambda run: touched(run / EXPORT / "sentiment.onnx"), "not the file that was"),
        (lambda run: unnamed(run / EXPORT / "model.json"), "does not name its run"),
    ],
    ids=["model", "labels", "config", "graph", "old export"],
)
def test_another_export_is_not_used_and_the_reason_is_said(
    change, reason, copy, capsys
):
    change(copy)
    assert answers_of(TASKS["sentiment"], copy, lambda: "TensorFlow") == "TensorFlow"
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert line.endswith("Until then TensorFlow answers.")
    with pytest.raises(ValueError, match=reason):
        answers_of(TASKS["sentiment"], copy, refuse, "onnx")


def touched(path):
    """Changes a file, not those that it may be a link to."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content + b"\n")


def unnamed(path):
    content = json.loads(path.read_text())
    del content["run"]
    path.unlink()
    path.write_text(json.dumps(content))


def test_without_an_export_tensorflow_answers_without_a_word(trained_run, capsys):
    task = TASKS["sentiment"]
    assert answers_of(task, trained_run, lambda: "TensorFlow") == "TensorFlow"
    assert capsys.readouterr().err == ""
    with pytest.raises(ValueError, match="has no export with onnx/"):
        answers_of(task, trained_run, refuse, "onnx")


def test_tensorflow_answers_where_it_is_asked_for(finished_run, capsys):
    task = TASKS["sentiment"]
    chosen = answers_of(task, finished_run, lambda: "TensorFlow", "tensorflow")
    assert chosen == "TensorFlow"
    assert capsys.readouterr().err == ""


def test_a_batch_that_is_too_large_is_computed_in_halves(
    finished_question_run, monkeypatch
):
    version = finished_question_run / "export" / "question_answering" / "1"
    monkeypatch.setattr("serving.runtime.question_answering.LARGEST_STORIES", 20)
    answers = (
        TASKS["question_answering"]
        .answers()
        .load(finished_question_run, signature_of(version, "question_answering"))
    )
    question = "mary is here. john is there ||| where is mary"
    one, *_, last = answers.predict([question] * 5)
    assert one == last
    long = ". ".join(["mary is here and there and here"] * 9)
    with pytest.raises(ValueError, match="Or set --engine tensorflow"):
        answers.predict([f"{long} ||| where is mary"])


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["predict", "A joy."], 0),
        (["predict", "--file", "new.csv", "--output", "scored.csv"], 1),
        (["--help"], 0),
        (["trian"], 2),
        (["evaluate", "--file", "no"], 2),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_that_needs_no_tensorflow_does_not_load_it(
    words, status, finished_run, tmp_path
):
    (tmp_path / "new.csv").write_text("text\nA joy.\n\nBad.\n''\n\"\"\n")
    if words[0] == "predict":
        words = [f"run_directory={finished_run}", *words]
    done = subprocess.run(
        [sys.executable, "-c", FRESH, *words],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert done.stdout.endswith("[]\n")
