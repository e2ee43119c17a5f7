"""A run is measured once; its metrics name data set, split, size and time."""

import json
import sys
from types import SimpleNamespace

import pytest

from apps.common.metrics.evaluation import evaluate_command, measure_once
from apps.sentiment.evaluate import evaluate
from apps.sentiment.predict import Predictor


@pytest.fixture
def predictor(tmp_path):
    (tmp_path / "history.csv").write_text(
        "epoch,accuracy,val_accuracy,loss,val_loss,seconds\n"
        "1,0.5,0.4,1,1,60.0\n2,0.6,0.5,1,1,30.0\n"
    )
    return SimpleNamespace(
        directory=tmp_path,
        config=SimpleNamespace(data=SimpleNamespace(dataset="files")),
        model=SimpleNamespace(count_params=lambda: 7),
    )


def measure(predictor):
    return {"accuracy": 0.5}, 20, "texts"


def refuse(predictor):
    raise AssertionError("measured twice")


def test_metrics_say_what_was_measured_and_how_many_minutes_training_took(predictor):
    metrics = measure_once(predictor, measure, "accuracy")
    assert metrics == {
        "dataset": "files",
        "split": "test",
        "examples": 20,
        "unit": "texts",
        "accuracy": 0.5,
        "parameters": 7,
        "train_minutes": 1.5,
    }
    assert (predictor.directory / "learning.png").exists()


def test_a_measured_run_is_not_measured_again(predictor, capsys):
    metrics = measure_once(predictor, measure, "accuracy")
    assert measure_once(predictor, refuse, "accuracy") == metrics
    assert "is evaluated already" in capsys.readouterr().out


def test_damaged_metrics_are_named_with_the_way_out(predictor):
    (predictor.directory / "metrics.json").write_text('{"accuracy": 0.')
    with pytest.raises(ValueError, match=r"metrics.json cannot .*evaluate again"):
        measure_once(predictor, refuse, "accuracy")


def test_the_script_prints_the_metrics(finished_run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evaluate", str(finished_run)])
    evaluate_command(evaluate, Predictor)
    printed = capsys.readouterr().out
    metrics = json.loads(printed[printed.index("{") :])
    assert metrics == json.loads((finished_run / "metrics.json").read_text())


def test_the_script_refuses_a_directory_that_is_no_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evaluate", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        evaluate_command(evaluate, Predictor)
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert error.startswith(f"Error: {tmp_path} is not a run")
    assert len(error.splitlines()) == 1
