"""`make run`: the default recipe of every app, and two inputs for its export."""

import ctypes.util
import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apps.speech_commands.synthesis import corpus
from apps.speech_commands.synthesis.espeak import check_platform
from experiments import __main__ as everything
from experiments.report import ANSWERS
from experiments.request import parse


@pytest.fixture
def requests(monkeypatch, finished_run, tmp_path):
    """Notes the requests; every run is a copy of the finished one."""
    requests = []

    def run(task, request):
        requests.append((task.name, request.recipe, request.verbs, request.overrides))
        copy = tmp_path / task.name / "export"
        if not copy.exists():
            shutil.copytree(finished_run / "export", copy)
        seconds = {"train": 80.2, "evaluate": 7.6, "explain": 0.4, "export": 20}
        return {"export": copy / "sentiment" / "1", "seconds": seconds}

    monkeypatch.setattr(everything, "run", run)
    tasks = {
        name: dataclasses.replace(task, example_inputs=None)
        for name, task in everything.TASKS.items()
    }
    monkeypatch.setattr(everything, "TASKS", tasks)
    monkeypatch.setattr(everything, "write_report", lambda tasks: "report.html")
    return requests


def start(*words):
    everything.main([*words, "--jobs", "1"])


def test_every_app_is_trained_measured_exported_and_asked(
    requests, monkeypatch, capsys
):
    start()
    assert [name for name, *_ in requests] == list(everything.TASKS)
    for name, recipe, verbs, overrides in requests:
        assert recipe == everything.TASKS[name].default_recipe
        assert verbs == ["train", "evaluate", "explain", "export"]
        assert overrides == []
    output = capsys.readouterr().out
    for question in everything.TASKS["sentiment"].questions:
        line = next(x for x in output.splitlines() if x.startswith(f"  {question!r}: "))
        assert "label positive" in line or "label negative" in line
        assert "probabilities [0." in line
    assert output.endswith("All of it on one page: report.html\n")
    row = next(line for line in output.splitlines() if line.startswith("  sentiment "))
    assert row.split() == ["sentiment", "80", "8", "0", "20", "0"]


def test_the_answers_are_noted_in_the_run(requests, tmp_path):
    start("sentiment")
    answers = json.loads((tmp_path / "sentiment" / ANSWERS).read_text())
    questions = everything.TASKS["sentiment"].questions
    assert [row["question"] for row in answers] == list(questions)
    assert all(row["answer"].startswith("label ") for row in answers)


def test_an_export_is_asked_once_and_a_new_one_again(requests, tmp_path, capsys):
    start("sentiment")
    first = capsys.readouterr().out
    noted = tmp_path / "sentiment" / ANSWERS
    rows = json.loads(noted.read_text())
    rows[0]["answer"] = "as noted"
    noted.write_text(json.dumps(rows))
    start("sentiment")
    assert "?': as noted" in capsys.readouterr().out.replace(".'", "?'")
    os.utime(noted, (0, 0))  # as if the export were newer
    start("sentiment")
    assert capsys.readouterr().out == first


def test_without_onnx_tensorflow_is_asked_and_answers_alike(finished_run, tmp_path):
    version = tmp_path / "export" / "sentiment" / "1"
    shutil.copytree(finished_run / "export" / "sentiment" / "1", version)
    task = dataclasses.replace(everything.TASKS["sentiment"], example_inputs=None)
    rows = everything._answers(version, task)
    shutil.rmtree(version / "onnx")
    assert everything._answers(version, task) == rows


@pytest.mark.parametrize(
    ("run", "app"),
    [
        ("finished_speech_run", "speech_commands"),
        ("finished_question_run", "question_answering"),
    ],
)
def test_a_model_of_sound_or_two_texts_is_asked(run, app, request):
    version = request.getfixturevalue(run) / "export" / app / "1"
    rows = everything._answers(version, everything.TASKS[app])
    assert len(rows) == 2
    named = ".wav" if app == "speech_commands" else "|||"
    assert all(named in row["question"] for row in rows)
    expected = "probabilities [" if app == "speech_commands" else "score 0."
    assert all(expected in row["answer"] for row in rows)


SECOND_RUN = """
import sys
from pathlib import Path
from experiments import __main__ as everything, run
run.run_directory = lambda *_: Path(sys.argv[1])
everything.write_report = lambda tasks: "report.html"
everything.TASKS["sentiment"].__class__.config = lambda *_: (
    everything.TASKS["sentiment"].answers().load(sys.argv[1]).config
)
everything.main(["sentiment"])
print(sorted({"tensorflow", "keras", "sklearn", "matplotlib"} & set(sys.modules)))
"""


def test_what_is_done_is_shown_without_loading_tensorflow(finished_run, tmp_path):
    run = shutil.copytree(finished_run, tmp_path / "run", symlinks=True)
    (run / "explain").mkdir(exist_ok=True)
    (run / "explain" / "1.html").touch()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    shown = subprocess.run(
        [sys.executable, "-c", SECOND_RUN, str(run)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stderr == ""
    for part in ("trained", "evaluated", "drawn", "exported"):
        assert f"is {part} already" in shown.stdout
    assert "  accuracy " in shown.stdout
    assert "The exported model answers:" in shown.stdout
    assert shown.stdout.endswith("report.html\n[]\n")


@pytest.fixture
def side_by_side(requests, monkeypatch, tmp_path):
    """Notes the commands that would run side by side; two apps are done already."""
    noted = {}

    def run(commands, jobs):
        noted["commands"], noted["jobs"] = commands, jobs
        return {"speech_commands": 1}

    monkeypatch.setattr(everything, "run_side_by_side", run)
    done = {"language_modeling", "sentiment"}
    monkeypatch.setattr(everything, "is_complete", lambda run, name: name in done)
    return noted


def test_apps_train_side_by_side_the_longest_first(side_by_side, requests, capsys):
    """Then every app but the one that failed is shown and asked."""
    with pytest.raises(SystemExit) as ended:
        everything.main(["--jobs", "2"])
    assert ended.value.code == 1
    assert side_by_side["jobs"] == 2
    commands = side_by_side["commands"]
    assert set(commands) == set(everything.TASKS) - {"language_modeling", "sentiment"}
    minutes = [everything._recorded_minutes(name) for name in commands]
    assert minutes == sorted(minutes, reverse=True)
    for name, words in commands.items():
        recipe = everything.TASKS[name].default_recipe
        assert words[2] == f"experiments.{name}"
        request = parse(everything.TASKS[name], words[3:])
        assert request.recipe == recipe
        assert request.verbs == ["train", "evaluate", "explain", "export"]
        assert request.words == request.overrides == []
    shown = [name for name, *_ in requests]
    assert shown == [name for name in everything.TASKS if name != "speech_commands"]
    assert "Failed: speech_commands. See above." in capsys.readouterr().err


def test_if_every_app_fails_nothing_is_shown_as_done(
    side_by_side, requests, monkeypatch, capsys
):
    codes = {"speech_commands": 2, "summarization": -9}
    monkeypatch.setattr(everything, "run_side_by_side", lambda *_: codes)
    with pytest.raises(SystemExit) as ended:
        everything.main([*codes, "--jobs", "2"])
    assert ended.value.code == 2
    output = capsys.readouterr()
    assert "Failed: speech_commands, summarization. See above." in output.err
    assert "Done in" not in output.out
    assert requests == []


@pytest.fixture
def without_espeak_ng(monkeypatch, tmp_path):
    """Pretends a platform without a build, and an empty cache; returns the message."""
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    monkeypatch.setenv("CAROUSEL_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ValueError, match="riscv64") as caught:
        check_platform()
    return f"Left out: speech_commands. {caught.value}\n"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_without_espeak_ng_the_other_four_apps_run(
    jobs, side_by_side, requests, monkeypatch, without_espeak_ng, capfd
):
    """One line says so before the training and again at the end; the exit code is 2."""
    before = []

    def train(commands, jobs):
        before.append((sorted(commands), capfd.readouterr().err))
        return {}

    monkeypatch.setattr(everything, "run_side_by_side", train)
    with pytest.raises(SystemExit) as ended:
        everything.main(["--jobs", jobs])
    assert ended.value.code == 2
    others = [name for name in everything.TASKS if name != "speech_commands"]
    assert [name for name, *_ in requests] == others
    if jobs == "2":
        waiting = ["question_answering", "summarization"]
        assert before == [(waiting, without_espeak_ng)]
        assert capfd.readouterr().err == without_espeak_ng
    else:
        assert capfd.readouterr().err == 2 * without_espeak_ng


def test_without_espeak_ng_speech_alone_is_refused_in_one_line(
    side_by_side, requests, without_espeak_ng, capfd
):
    with pytest.raises(SystemExit) as ended:
        everything.main(["speech_commands"])
    assert ended.value.code == 2
    assert capfd.readouterr() == ("", without_espeak_ng)
    assert requests == []


def test_a_run_that_is_done_or_has_its_clips_needs_no_espeak_ng(
    side_by_side, requests, monkeypatch, without_espeak_ng, capfd
):
    corpus.cached_at().mkdir(parents=True)
    start("speech_commands")
    corpus.cached_at().rmdir()
    monkeypatch.setattr(everything, "is_complete", lambda run, name: True)
    start("speech_commands")
    assert capfd.readouterr().err == ""
    assert len(requests) == 2


@pytest.mark.parametrize("words", [["--jobs", "1"], ["summarization"]])
def test_one_job_or_one_app_is_trained_by_the_command_itself(side_by_side, words):
    everything.main(words)
    assert side_by_side == {}


def test_no_job_at_all_is_refused(requests, capsys):
    with pytest.raises(SystemExit) as ended:
        everything.main(["--jobs", "0"])
    assert ended.value.code == 2
    assert "Error: --jobs: expected at least 1. Received: 0." in capsys.readouterr().err


def test_one_app_may_be_named(requests, monkeypatch):
    other = dataclasses.replace(everything.TASKS["sentiment"], name="other")
    tasks = {**everything.TASKS, "other": other}
    monkeypatch.setattr(everything, "TASKS", tasks)
    start("sentiment")
    assert [name for name, *_ in requests] == ["sentiment"]


def test_an_unknown_app_is_refused_in_one_line(requests, capsys):
    with pytest.raises(SystemExit) as ended:
        start("sentimant")
    assert ended.value.code == 2
    apps = ", ".join(everything.TASKS)
    assert capsys.readouterr().err == f"Error: 'sentimant' is no app. Apps: {apps}.\n"
    assert requests == []


def test_the_help_lists_the_apps_and_runs_none(requests, capsys):
    with pytest.raises(SystemExit) as ended:
        start("--help")
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name, task in everything.TASKS.items():
        assert f"{name} {task.default_recipe}: {task.summary}" in text
    assert requests == []
