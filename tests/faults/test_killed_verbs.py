"""A killed evaluation or export leaves no incomplete file, and can run again."""

import contextlib
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from apps.common.export.savedmodel import export_model
from apps.common.portable.versions import newest_version, versions
from apps.sentiment.evaluate import evaluate
from apps.sentiment.export import export
from apps.sentiment.predict import Predictor
from serving.tensorflow_engine import TensorFlowModel
from tests.faults.killing import content, killed

LOAD = "from apps.sentiment.predict import Predictor\nrun = Predictor.load({!r})\n"
EVALUATE = f"{LOAD}from apps.sentiment.evaluate import evaluate\nevaluate(run)"
EXPORT = f"{LOAD}from apps.sentiment.export import export\nexport(run)"


@pytest.fixture
def copies(trained_run, tmp_path):
    """Copies of a run that is trained but not evaluated."""

    def make(count):
        runs = [tmp_path / f"run{number}" for number in range(count)]
        for run in runs:
            shutil.copytree(trained_run, run)
        return runs

    return make


def kill_at_each(moments, program, runs):
    """Runs the program once per run and moment, kills it there; two at a time."""

    def kill(moment, run):
        return killed(program.format(str(run)), *moment, of=str(run))

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(kill, moments, runs))


@pytest.mark.slow
def test_an_evaluation_killed_before_or_after_any_of_its_files_gives_the_same_again(
    copies, finished_run
):
    """It writes four plots and the mistakes, then the metrics."""
    plots = [f"{name}.png" for name in ("confusion", "roc", "calibration")]
    files = (*plots, "mistakes.csv", "learning.png", "metrics.json")
    moments = [("os.replace", 1), ("os.replace", 6), ("os.replace", 6, True)]
    runs = copies(len(moments))
    trained = content(runs[0])
    kill_at_each(moments, EVALUATE, runs)
    undisturbed = content(finished_run)
    for run, (_, number, *after) in zip(runs, moments, strict=True):
        files_now = content(run)
        existing = [name for name in files if name in files_now]
        assert existing == list(files[: number - 1 + len(after)])
        assert {name: files_now[name] for name in trained} == trained
        if after:  # the finished file is complete and not rewritten
            assert files_now["metrics.json"] == undisturbed["metrics.json"]
        evaluate(Predictor.load(run))
        files_now = content(run)
        for name in ("metrics.json", "mistakes.csv"):
            assert files_now[name] == undisturbed[name]
        json.loads(files_now["metrics.json"])


@pytest.mark.slow
def test_an_export_killed_anywhere_is_no_version_and_the_next_one_is_whole(
    copies, finished_run, monkeypatch
):
    """Kills during writing, after the check, and before and after the rename."""
    moments = [
        ("apps.common.export.savedmodel._write_warmup", 1),
        ("apps.common.export.savedmodel._check", 1, True),
        ("os.rename", 1),
        ("os.rename", 1, True),
    ]
    runs = copies(len(moments))
    trained = content(runs[0])
    kill_at_each(moments, EXPORT, runs)
    texts = {"text": np.array([b"a good film", b"a bad one"], object)}
    monkeypatch.setattr(
        "apps.common.export.savedmodel.waiting_process", contextlib.nullcontext
    )
    monkeypatch.setattr("apps.common.export.savedmodel._check", lambda *arguments: None)
    for name in ("write_litert", "write_onnx"):
        path = f"apps.common.export.savedmodel.{name}"
        monkeypatch.setattr(path, lambda *a, **k: None)
    undisturbed = TensorFlowModel(
        "sentiment", newest_version(finished_run / "export/sentiment")
    )
    answer = undisturbed.signature("serving_default")(texts)
    for run, moment in zip(runs, moments, strict=True):
        directory = run / "export" / "sentiment"
        renamed = moment[0] == "os.rename" and len(moment) == 3
        assert versions(directory) == ([1] if renamed else [])
        assert [path.name for path in directory.glob(".export-*")]
        before = content(directory / "1") if renamed else None
        assert export(Predictor.load(run)) == directory / "1"
        if renamed:
            assert content(directory / "1") == before
        else:
            assert [path.name for path in directory.iterdir()] == ["1"]
        outputs = TensorFlowModel("sentiment", directory / "1").signature(
            "serving_default"
        )(texts)
        for name, value in answer.items():
            if value.dtype == object:
                assert outputs[name].tolist() == value.tolist()
            else:
                np.testing.assert_allclose(outputs[name], value, rtol=1e-5)
        now = content(run)
        assert {name: now[name] for name in trained} == trained


@pytest.mark.parametrize("times", [(3, 2, 1), (2_000_000_000, 1, 0)])
def test_versions_go_up_when_the_clock_is_set_back(tmp_path, monkeypatch, times):
    monkeypatch.setattr("apps.common.export.savedmodel._check", lambda *arguments: None)
    numbers = []
    for seconds in times:
        monkeypatch.setattr("time.time", lambda seconds=seconds: seconds)
        signatures, examples = tiny()
        path = export_model(tmp_path / "tiny", [], signatures, examples)
        numbers.append(path.name)
    assert numbers == ["1", "2", "3"]
    assert newest_version(tmp_path / "tiny").name == "3"


def test_a_second_export_at_once_takes_the_version_of_the_first(tmp_path, monkeypatch):
    signatures, examples = tiny()
    directory = tmp_path / "tiny"
    look_ups, second_exports = [], []

    def look(model):
        found = versions(model)
        look_ups.append(model)
        return found

    def check(*arguments):
        """Starts the second export while the first one is checked."""
        second_exports.append(
            pool.submit(export_model, directory, [], signatures, examples)
        )
        while len(look_ups) < 2:
            time.sleep(0.01)

    monkeypatch.setattr("apps.common.export.savedmodel.versions", look)
    monkeypatch.setattr("apps.common.export.savedmodel._check", check)
    with ThreadPoolExecutor(1) as pool:
        path = export_model(directory, [], signatures, examples)
        (second,) = second_exports
        assert second.result(60) == path
    assert [path.name for path in directory.iterdir()] == ["1"]


def tiny():
    """Returns the signatures of a model without weights, and example inputs."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None], "float32", name="x")])
    def double(x):
        return {"y": 2 * x}

    examples = {"serving_default": {"x": np.ones(2, "float32")}}
    return {"serving_default": double}, examples
