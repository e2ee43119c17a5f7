"""A command line with recipes of its own, and verbs that only note what they do."""

import pytest

from experiments import run as command_line
from experiments.run import Task

TASK = Task(
    name="sentiment",
    summary="Is a text good or bad?",
    default_recipe="small",
    headline=("accuracy", "f1", "roc_auc"),
    questions=("Good?", "Bad?"),
)


@pytest.fixture
def task():
    return TASK


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    """The recipes large, small and tiny; the working directory is empty."""
    folder = tmp_path / "recipes" / "sentiment"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text("# Small and quick.\ntrain: {epochs: 2}\n")
    (folder / "large.yaml").write_text("# Large and slow.\ntrain: {epochs: 9}\n")
    (folder / "tiny.yaml").write_text("data:\n  dataset: files\n")
    monkeypatch.setattr(command_line, "RECIPES", tmp_path / "recipes")
    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")
    return folder


@pytest.fixture
def verbs(monkeypatch):
    """Replaces the app's functions; notes each call."""
    calls = []
    metrics = {
        "dataset": "imdb",
        "split": "test",
        "accuracy": 0.75,
        "f1": 0.5,
        "roc_auc": None,
        "train_minutes": 1.25,
    }

    def predict(directory, inputs):
        calls.append(("predict", directory, inputs))
        return [{"text": text, "label": "good"} for text in inputs]

    def train(config, directory):
        calls.append(("train", config, directory))

    def evaluate(directory):
        calls.append(("evaluate", directory))
        return metrics

    def export(directory):
        calls.append(("export", directory))
        return directory / "export" / "sentiment" / "1"

    functions = {f.__name__: f for f in (train, evaluate, export, predict)}
    monkeypatch.setattr(Task, "function", lambda self, verb: functions[verb])
    return calls
