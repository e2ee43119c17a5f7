"""The commands in fresh processes: killed and typed again, and one after the other."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import apps.question_answering.model  # registers the layers of the loaded models
import apps.sentiment.model
import apps.speech_commands.model  # noqa: F401
from apps.common.finished import read_history
from experiments.task import RECIPES
from experiments.tasks import TASKS

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 900
IN_A_ROW = """
import runpy, sys
for sys.argv in {}:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def recipes(tmp_path):
    """A copy of the recipes, with 480 stories instead of 20,000."""
    folder = shutil.copytree(RECIPES, tmp_path / "recipes")
    stories = folder / "question_answering" / "stories.yaml"
    text = stories.read_text()
    assert "stories: 20000" in text
    stories.write_text(text.replace("stories: 20000", "stories: 480"))
    with open(folder / "speech_commands" / "synthetic.yaml", "a") as file:
        file.write("evaluation:\n  hours: 0\n")  # eSpeak NG is not in the cache
    return folder


@pytest.fixture
def command(tmp_path, packages, wikipedia, synthetic_speech, recipes):
    """Starts Python with arguments in an empty directory, with XLA or without."""
    path = os.pathsep.join(map(str, (ROOT / "tests" / "pinned", ROOT)))
    env = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    env["TEST_RECIPES"] = str(recipes)
    (tmp_path / "here").mkdir()

    def start(*words, xla=False):
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=tmp_path / "here",
            env={**env, "CAROUSEL_XLA": str(int(xla))},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    return start


@pytest.fixture
def finish(command):
    """Runs each `[MODULE, *WORDS]` as `python -m` does, in one process.

    Returns their output.
    """

    def run(*commands, **options):
        process = command("-c", IN_A_ROW.format(commands), **options)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, output
        assert "Traceback" not in output
        assert "UserWarning" not in output
        return output

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


def words_of(app, reviews_csv, tones):
    """Returns a command that trains a small model."""
    common = ["train", "model.units=4", "train.batch_size=8", "train.epochs=6"]
    own = {
        "sentiment": ["files", f"data.file={reviews_csv}", "data.vectors=random"],
        "speech_commands": [
            *("folder", f"data.directory={tones}", "data.sample_rate_hz=8000"),
            *("data.clip_ms=200", "model.num_layers=1", "evaluation.hours=0"),
        ],
        "question_answering": ["stories", "data.stories=96"],
    }[app]
    most = ["train.patience=1000", "train.evaluations_per_epoch=2"]
    return [f"experiments.{app}", *own, *common, *most]


@pytest.mark.parametrize(
    ("app", "kills", "xla"),
    [
        ("sentiment", (1,), True),
        ("speech_commands", (1,), False),
        ("question_answering", (1, 5), False),
    ],
)
def test_a_killed_training_typed_again_ends_bit_equal_to_an_undisturbed_one(
    app, kills, xla, command, finish, reviews_csv, tones, tmp_path
):
    """Kills a process when the history has as many rows as a number of `kills`."""
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    words, twice = words_of(app, reviews_csv, tones), []
    for run in (killed, undisturbed):
        twice.append([*words, f"run_directory={run}"])
    for rows in kills:
        process = command("-m", *twice[0], xla=xla)

        def trained_for(rows=rows):
            done = (killed / "history.csv").exists() and read_history(killed)
            return done and len(done) >= rows

        wait_for(trained_for, process)
        time.sleep(0.05)  # past the last checkpoint
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (killed / "model.keras").exists()
    output = finish(*twice, xla=xla)
    assert output.count("Resuming ") == 1
    assert f"Resuming {killed} after " in output

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
    assert len(read_history(killed)) == 12


def test_every_app_goes_from_raw_data_to_answers_and_a_second_time_says_it_is_done(
    finish, tmp_path
):
    output = finish(["experiments"])
    run = Path("runs", "sentiment", "movie_snippets", "seed-1")
    for name in TASKS:
        assert re.search(rf"^  {name} +\S.+: ", output, re.MULTILINE)
    for name in ("model.keras", "explain/1.html", "export/sentiment/1/saved_model.pb"):
        assert (tmp_path / "here" / run / name).exists()
    report = (tmp_path / "here" / "runs" / "report.html").read_text()
    assert report.count("<article") == 6  # of each app, and one of all
    again = finish(
        ["experiments", "sentiment"],
        ["apps.sentiment.evaluate", str(run)],
        ["experiments.sentiment", "predict", "A lovely film.", "😀"],
    )
    for word in ("trained", "evaluated", "drawn", "exported"):
        assert f"is {word} already." in again
    assert "one of its inputs: answer" in again
    assert '"accuracy": ' in again
    assert again.count('"label": ') == 2
