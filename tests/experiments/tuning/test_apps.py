"""`tune` with real trainings of every app, on tiny data; the test split is not read."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from apps.common.config import save_config
from apps.common.finished import is_finished, trained_already
from experiments.run import main
from experiments.task import is_recipe_file
from experiments.tasks import TASKS
from experiments.tuning import command, training
from tests.experiments.tuning.conftest import rows_of

ROOT = Path(__file__).parents[3]
CONFIGS = {
    "language_modeling": "language_config",
    "sentiment": "sentiment_config",
    "speech_commands": "speech_config",
    "summarization": "summarization_config",
    "question_answering": "question_config",
}
# In place of `-m experiments.trial`: reading the test split is an error.
GUARDED = """
import importlib, sys
sys.path.insert(0, {root!r})
train = importlib.import_module("apps.{app}.train")
load_data = train.load_data
def guarded(config, splits, *arguments, **options):
    if "test" in splits:
        raise ValueError("the test split is read")
    print("read:", *splits)
    return load_data(config, splits, *arguments, **options)
train.load_data = guarded
from experiments.trial import main
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("app", CONFIGS)
def test_every_app_is_tuned_without_its_test_split_and_the_recipe_is_the_best_trial(
    app, request, monkeypatch, tmp_path, capsys
):
    """The clock moves on by a minute with each training: there are two trials."""
    task, config = TASKS[app], request.getfixturevalue(CONFIGS[app])
    clock = SimpleNamespace(now=0, monotonic=lambda: clock.now)
    monkeypatch.setattr(command, "time", clock)
    popen = training.subprocess.Popen

    def start(words, **options):
        assert words[1:3] == ["-m", "experiments.trial"]
        clock.now += 60
        program = GUARDED.format(root=str(ROOT), app=app)
        return popen([sys.executable, "-c", program, *words[3:]], **options)

    monkeypatch.setattr(training.subprocess, "Popen", start)
    save_config(config, recipe := tmp_path / "tiny.yaml")
    directory = tmp_path / "tune"
    words = [str(recipe), "tune", "--minutes", "1.95", f"run_directory={directory}"]
    main(task, words)

    rows = rows_of(directory)
    assert [row["state"] for row in rows] == ["finished", "finished"]
    monitor, mode = task.monitor()
    values = [float(row[monitor]) for row in rows]
    best = values.index({"max": max, "min": min}[mode](values))
    for number in (0, 1):
        log = (directory / f"trial-{number:03}.log").read_text()
        assert log.count("read: train validation\n") == 1
        assert is_finished(directory / f"trial-{number:03}") == (number == best)
    tuned = str(directory / "tiny_tuned.yaml")
    assert is_recipe_file(tuned)
    best_run = directory / f"trial-{best:03}"
    assert trained_already(best_run, task.config(tuned, []))
    assert f"Best: trial {best} with {monitor} {values[best]:.4f}" in (
        capsys.readouterr().out
    )
