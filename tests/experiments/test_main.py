"""`make run`: the default recipe of every app, and two inputs for its export."""

import dataclasses
import json

import pytest

from experiments import __main__ as everything
from experiments.report import ANSWERS


@pytest.fixture
def requests(monkeypatch, finished_run):
    """Notes the requests; every run is the finished one."""
    requests = []

    def run(task, request):
        requests.append((task.name, request.recipe, request.verbs, request.overrides))
        return {"export": finished_run / "export" / "sentiment" / "1"}

    monkeypatch.setattr(everything, "run", run)
    tasks = {
        name: dataclasses.replace(task, example_inputs=None)
        for name, task in everything.TASKS.items()
    }
    monkeypatch.setattr(everything, "TASKS", tasks)
    monkeypatch.setattr(everything, "write_report", lambda tasks: "report.html")
    return requests


def start(*words):
    everything.main(words)


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


def test_the_answers_are_noted_in_the_run(requests, monkeypatch, finished_run):
    start("sentiment")
    answers = json.loads((finished_run / ANSWERS).read_text())
    questions = everything.TASKS["sentiment"].questions
    assert [row["question"] for row in answers] == list(questions)
    assert all(row["answer"].startswith("label ") for row in answers)


def test_a_model_of_sound_is_asked_about_clips(finished_speech_run, capsys):
    version = finished_speech_run / "export" / "speech_commands" / "1"
    everything._query_export(version, everything.TASKS["speech_commands"])
    answers = capsys.readouterr().out.splitlines()[2:]
    assert len(answers) == 2
    assert all(".wav': " in line and "probabilities [" in line for line in answers)


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
