"""`make run`: the default recipe of every app, and two questions to its export."""

import dataclasses
import json
import sys
from types import SimpleNamespace

import pytest

from experiments import __main__ as everything


@pytest.fixture
def requests(monkeypatch, finished_run):
    """Notes what is run; every run is the finished one."""
    made = []

    def run(task, request):
        made.append((task.name, request.recipe, request.verbs, request.overrides))
        return {"export": finished_run / "export" / "sentiment" / "1"}

    monkeypatch.setattr(everything, "run", run)
    tasks = {
        name: dataclasses.replace(task, asked=None)
        for name, task in everything.TASKS.items()
    }
    monkeypatch.setattr(everything, "TASKS", tasks)
    monkeypatch.setattr(everything, "write_report", lambda tasks: "report.html")
    return made


def start(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["experiments", *words])
    everything.main()


def test_every_app_is_trained_measured_exported_and_asked(
    requests, monkeypatch, capsys
):
    start(monkeypatch)
    assert [name for name, *_ in requests] == list(everything.TASKS)
    for name, recipe, verbs, overrides in requests:
        assert recipe == everything.TASKS[name].default_recipe
        assert verbs == ["train", "evaluate", "explain", "export"]
        assert overrides == []
    said = capsys.readouterr().out
    for question in everything.TASKS["sentiment"].questions:
        line = next(x for x in said.splitlines() if x.startswith(f"  {question!r}: "))
        assert "label positive" in line or "label negative" in line
        assert "probabilities [0." in line
    assert said.endswith("All of it on one page: report.html\n")


def test_the_answers_are_noted_in_the_run(requests, monkeypatch, finished_run):
    start(monkeypatch, "sentiment")
    noted = json.loads((finished_run / everything.ANSWERS).read_text())
    questions = everything.TASKS["sentiment"].questions
    assert [row["question"] for row in noted] == list(questions)
    assert all(row["answer"].startswith("label ") for row in noted)


def test_a_model_of_sound_is_asked_about_clips(finished_speech_run, capsys):
    version = finished_speech_run / "export" / "speech_commands" / "1"
    everything._ask(version, everything.TASKS["speech_commands"])
    answers = capsys.readouterr().out.splitlines()[2:]
    assert len(answers) == 2
    assert all(".wav': " in line and "probabilities [" in line for line in answers)


def test_one_app_may_be_named(requests, monkeypatch):
    tasks = {**everything.TASKS, "other": SimpleNamespace(name="other")}
    monkeypatch.setattr(everything, "TASKS", tasks)
    start(monkeypatch, "sentiment")
    assert [name for name, *_ in requests] == ["sentiment"]


@pytest.mark.parametrize("word", ["sentimant", "--help"])
def test_an_unknown_app_is_refused_in_one_line(word, requests, monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        start(monkeypatch, word)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told == f"Error: {word!r} is no app. Apps: {', '.join(everything.TASKS)}.\n"
    assert requests == []
