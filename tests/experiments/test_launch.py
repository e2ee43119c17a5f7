"""Local workers: their commands, addresses, output and exit codes."""

import json
import os
import subprocess
import sys

import pytest

from experiments import launch
from experiments.launch import free_ports, main, run_workers

WORKER = """
import json, os, sys, time
task = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
print("I am", task, *sys.argv[1:], flush=True)
if "fail" in sys.argv and task == 1:
    sys.exit(3)
if "fail" in sys.argv:
    time.sleep(600)
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    (tmp_path / "a_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "a_worker"


def test_ports_are_free_and_differ():
    assert len(set(free_ports(5))) == 5


def test_every_worker_runs_the_command_and_says_who_it_is(worker, capfd):
    assert run_workers([worker, "some", "words"], 3) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("Starting 3 workers: localhost:")
    assert sorted(lines[1:]) == [
        "I am 0 some words",
        "[worker 1] I am 1 some words",
        "[worker 2] I am 2 some words",
    ]


def test_a_worker_that_fails_ends_all(worker, capfd, monkeypatch):
    monkeypatch.setattr(launch, "GRACE_S", 0.3)
    assert run_workers([worker, "fail"], 2) == 3
    assert "Worker 1 ended with code 3." in capfd.readouterr().err


@pytest.fixture
def started(monkeypatch):
    """Notes the command of the workers and the verbs after it; starts nothing."""
    done = {}

    def run_workers(command, count):
        done["command"], done["workers"] = command, count
        return done.get("code", 0)

    def run(task, request):
        done["rest"] = request.verbs

    monkeypatch.setattr(launch, "run_workers", run_workers)
    monkeypatch.setattr(launch, "run", run)
    return done


def test_workers_train_and_the_other_verbs_run_once(started):
    main(["--workers", "3", "sentiment", "imdb", "train.seed=2", "run_directory=x"])
    assert started["workers"] == 3
    words = ["experiments.sentiment", "imdb", "train"]
    assert started["command"] == [*words, "train.seed=2", "run_directory=x"]
    assert started["rest"] == ["evaluate", "export"]


def test_the_verb_train_alone_leaves_nothing_to_do(started):
    main(["question_answering", "train"])
    assert started["command"][1:] == ["stories", "train"]
    assert started["workers"] == 2
    assert started["rest"] == []


@pytest.mark.parametrize(("code", "ours"), [(3, 3), (-9, 1)])
def test_what_comes_after_is_not_done_if_training_failed(started, code, ours):
    started["code"] = code
    with pytest.raises(SystemExit) as caught:
        main(["sentiment"])
    assert caught.value.code == ours
    assert "rest" not in started


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sentiment", "evaluate"], "launch is for the verb train"),
        (
            ["--workers", "0", "sentiment"],
            "--workers: expected at least 1",
        ),
        (["sentiment", "imbd"], "Did you mean"),
    ],
)
def test_a_wrong_command_is_one_clear_line(words, expected, started, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert expected in capsys.readouterr().err
    assert "command" not in started


def test_a_worker_that_is_not_the_chief_only_trains(monkeypatch, tmp_path, capsys):
    from experiments import request, run, sentiment

    jobs = {"worker": ["a:1", "b:1"]}
    task = {"type": "worker", "index": 1}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": jobs, "task": task}))
    called = []

    class Task:
        name = "sentiment"

        def config(self, recipe, overrides):
            return None

        def function(self, verb):
            called.append(verb)
            return lambda *arguments: None

    words = ["train", "evaluate", f"run_directory={tmp_path}"]
    results = run.run(Task(), request.parse(sentiment.TASK, words))
    assert list(results) == ["seconds"]
    assert called == ["train"]
    assert "the chief does what comes after" in capsys.readouterr().out


@pytest.mark.slow
def test_launch_trains_evaluates_and_exports(reviews_csv, tmp_path):
    command = [
        *(sys.executable, "-m", "experiments.launch", "--workers", "2"),
        *("sentiment", "files", f"data.file={reviews_csv}", "model.units=4"),
        *("data.vectors=random", "train.epochs=1", "train.batch_size=8"),
        f"run_directory={tmp_path}",
    ]
    done = subprocess.run(
        command, text=True, capture_output=True, check=False, env=os.environ
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "Traceback" not in output
    assert "[worker 1] The chief does what comes after training." not in output
    for name in ("model.keras", "metrics.json", "export/sentiment/1/saved_model.pb"):
        assert (tmp_path / name).exists()
