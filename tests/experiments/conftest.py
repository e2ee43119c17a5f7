"""A task with test recipes, and verbs that only note their calls."""

import pytest

from apps.common.predictor import Predictor
from apps.sentiment.config import Config
from experiments import task as task_module
from experiments.task import Task
from tests.serving import web_browser

browser = web_browser.browser

TASK = Task(
    name="sentiment",
    summary="Is a text good or bad?",
    default_recipe="small",
    headline=("accuracy", "f1", "roc_auc"),
    questions=("Good?", "Bad?"),
    ask=lambda answers: [],
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
    monkeypatch.setattr(task_module, "RECIPES", tmp_path / "recipes")
    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")
    return folder


@pytest.fixture
def verbs(monkeypatch):
    """Replaces the app's functions and its predictor; notes each call."""
    calls = []
    metrics = {
        "dataset": "imdb",
        "split": "test",
        "accuracy": 0.75,
        "f1": 0.5,
        "roc_auc": None,
        "train_minutes": 1.25,
    }

    def train(config, directory):
        calls.append(("train", config, directory))

    def evaluate(predictor):
        calls.append(("evaluate", predictor.directory))
        return metrics

    def explain(predictor, inputs):
        calls.append(("explain", predictor.directory, inputs))
        return [predictor.directory / "explain" / "1.html"]

    def export(predictor):
        calls.append(("export", predictor.directory))
        return predictor.directory / "export" / "sentiment" / "1"

    class Noted(Predictor):
        inputs = {"text": "text_column"}  # noqa: RUF012

        def predict(self, inputs):
            calls.append(("predict", self.directory, inputs))
            return [{"text": text, "label": "good"} for text in inputs]

    def predictor_of(self, directory):
        return Noted(directory, Config())

    functions = {f.__name__: f for f in (train, evaluate, explain, export)}
    monkeypatch.setattr(Task, "function", lambda self, verb: functions[verb])
    monkeypatch.setattr(Task, "predictor", predictor_of)
    return calls
