"""The commands as a user types them: killed and typed again, and all in a row."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import apps.sentiment.model
import apps.speech_commands.model  # noqa: F401
from apps.common.training import read_history

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 900

pytestmark = pytest.mark.slow


@pytest.fixture
def command(tmp_path, packages, wikipedia, synthetic_speech):
    """Starts `python -m MODULE WORDS` in an empty directory."""
    path = os.pathsep.join(map(str, (ROOT / "tests" / "pinned", ROOT)))
    env = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    env["CAROUSEL_XLA"] = "1"  # as users run it

    def start(module, *words, **options):
        return subprocess.Popen(
            [sys.executable, "-m", module, *map(str, words)],
            cwd=tmp_path,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **options,
        )

    return start


@pytest.fixture
def finish(command):
    """Runs a command to its end and returns what it said."""

    def run(module, *words):
        process = command(module, *words)
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        assert "UserWarning" not in said
        return said

    return run


def wait_for(condition, process):
    """Waits until a condition holds while a process runs."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.02)


def arrays(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files if name != "history"}


def without_seconds(directory):
    return [{**row, "seconds": 0} for row in read_history(directory)]


@pytest.fixture(params=["sentiment", "speech_commands", "question_answering"])
def words(request, reviews_csv, tones):
    """The words of a command line that trains a small model."""
    common = ["train", "model.units=4", "train.batch_size=8", "train.epochs=12"]
    own = {
        "sentiment": ["files", f"data.file={reviews_csv}"],
        "speech_commands": [
            *("folder", f"data.directory={tones}", "data.sample_rate_hz=8000"),
            *("data.clip_ms=200", "model.num_layers=1"),
        ],
        "question_answering": ["stories", "data.stories=96"],
    }[request.param]
    most = ["train.patience=1000", "train.evaluations_per_epoch=2"]
    return request.param, [*own, *common, *most, "run_directory=killed"]


def test_a_killed_training_typed_again_ends_bit_equal_to_an_undisturbed_one(
    command, finish, words, tmp_path
):
    app, words = words
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    for rows in (1, 5):
        process = command(f"experiments.{app}", *words)

        def trained_for(rows=rows):
            done = (killed / "history.csv").exists() and read_history(killed)
            return done and len(done) >= rows

        wait_for(trained_for, process)
        time.sleep(0.05)  # into the next part
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (killed / "model.keras").exists()
    said = finish(f"experiments.{app}", *words)
    assert f"Resuming {killed.name} after " in said
    finish(f"experiments.{app}", *words[:-1], f"run_directory={undisturbed}")

    for name in ("best.npz", "checkpoint.npz"):
        ours, theirs = arrays(killed / name), arrays(undisturbed / name)
        assert ours.keys() == theirs.keys()
        for key in ours:
            np.testing.assert_array_equal(ours[key], theirs[key], err_msg=key)
    ours, theirs = (
        keras.models.load_model(run / "model.keras").get_weights()
        for run in (killed, undisturbed)
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
    assert without_seconds(killed) == without_seconds(undisturbed)
    assert len(read_history(killed)) == 24


def test_every_app_goes_from_raw_data_to_answers_and_a_second_time_says_it_is_done(
    finish, tmp_path
):
    said = finish("experiments")
    run = Path("runs", "sentiment", "movie_snippets", "seed-1")
    assert "The exported model answers:" in said
    for name in ("model.keras", "explain/1.html", "export/sentiment/1/saved_model.pb"):
        assert (tmp_path / run / name).exists()
    assert (tmp_path / "runs" / "report.html").read_text().count("<h2") == 5
    again = finish("experiments")
    for word in ("trained", "evaluated", "drawn", "exported"):
        assert f"is {word} already." in again
    assert "The exported model answers:" in again

    assert '"accuracy": ' in finish("apps.sentiment.evaluate", run)
    answers = finish("experiments.sentiment", "predict", "A lovely film.", "😀")
    assert answers.count('"label": ') == 2
