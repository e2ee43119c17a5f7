"""`make run`: the default recipe of every app, and examples for its export."""

import ctypes.util
import dataclasses
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apps.speech_commands.synthesis import corpus
from apps.speech_commands.synthesis.espeak import check_platform
from experiments import __main__ as everything
from experiments.asking import ANSWERS, answer_row
from experiments.request import parse


@pytest.fixture
def requests(monkeypatch, tmp_path):
    """Notes the requests; every run is evaluated and exported, and answers alike."""
    requests = []

    def run(task, request):
        requests.append((task.name, request.recipe, request.verbs, request.overrides))
        print(f"{task.name} is trained")
        directory = tmp_path / task.name
        directory.mkdir(exist_ok=True)
        metrics = {"examples": 200, task.headline[0]: 0.25}
        (directory / "metrics.json").write_text(json.dumps(metrics))
        seconds = {"train": 80.2, "evaluate": 7.6, "explain": 0.4, "export": 20}
        return {"export": directory / "export" / task.name / "1", "seconds": seconds}

    def answers_of_export(task, version):
        assert version == tmp_path / task.name / "export" / task.name / "1"
        return [answer_row(f"asked {task.name}?", "answered")]

    monkeypatch.setattr(everything, "run", run)
    monkeypatch.setattr(everything, "answers_of_export", answers_of_export)
    monkeypatch.setattr(everything, "write_report", lambda tasks: "report.html")
    return requests


def start(*words):
    everything.main([*words, "--jobs", "1"])


def test_every_app_is_trained_measured_exported_and_asked(requests, capsys):
    start()
    assert [name for name, *_ in requests] == list(everything.TASKS)
    for name, recipe, verbs, overrides in requests:
        assert recipe == everything.TASKS[name].default_recipe
        assert verbs == ["train", "evaluate", "explain", "export"]
        assert overrides == []
    output = capsys.readouterr().out
    for name, task in everything.TASKS.items():
        value = "50 of 200 right" if task.headline[0] == "accuracy" else " 0.25"
        assert re.search(f"{name} +.*{value} +asked {name}\\?: answered\n", output)
    assert output.endswith("All of it on one page: report.html\n")
    row = next(line for line in output.splitlines() if line.startswith("  sentiment "))
    assert row.split() == ["sentiment", "80", "8", "0", "20"]


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
    (run / ANSWERS).write_text(json.dumps([answer_row("A film?", "positive")]))
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
    assert " right " in shown.stdout
    assert "  A film?: positive\n" in shown.stdout
    assert shown.stdout.endswith("report.html\n[]\n")


@pytest.fixture
def side_by_side(requests, monkeypatch, tmp_path):
    """Notes the commands that would run side by side; two apps are done already."""
    noted = {}

    def run(commands, jobs, log):
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


def test_at_the_start_it_says_what_it_does_and_for_how_long(
    side_by_side, requests, monkeypatch, capsys
):
    """Two at once, the longest first: 2.8 minutes beside 1.8 and then 1.3."""
    minutes = {"speech_commands": 2, "summarization": 1, "question_answering": 0.5}
    monkeypatch.setattr(everything, "_recorded_minutes", minutes.get)
    with pytest.raises(SystemExit):
        everything.main(["--jobs", "2"])
    output = capsys.readouterr().out
    assert output.startswith(
        "Trains, evaluates, explains and exports, 2 at once: speech_commands, "
        "summarization, question_answering.\n"
        "This takes about 3 minutes with cores like those of experiments/results, and "
        "the time of downloads.\n"
        "Done before: language_modeling, sentiment.\n"
    )


def test_what_was_trained_side_by_side_is_not_told_twice(
    side_by_side, requests, capsys
):
    with pytest.raises(SystemExit):
        everything.main(["--jobs", "2"])
    output = capsys.readouterr().out
    assert "summarization is trained" not in output
    assert "sentiment is trained" in output
    assert "asked summarization?: answered" in output


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

    def train(commands, jobs, log):
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
