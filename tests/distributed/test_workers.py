"""Two workers on this machine train the weights of one; a lost worker is reported."""

import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import apps.language_modeling.model  # some tests load models of other processes
import apps.sentiment.model  # noqa: F401
from apps.common.config import save_config
from apps.common.finished import read_history
from experiments.launch import free_ports

ROOT = Path(__file__).parents[2]
PATIENCE_S = 600
CONFIGS = {
    "language_modeling": "language_config",
    "sentiment": "sentiment_config",
    "speech_commands": "speech_config",
    "summarization": "summarization_config",
    "question_answering": "question_config",
}
ON_DEVICES = ["language_modeling", "sentiment"]
TO_LOSE = ["sentiment", "language_modeling"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def start_two():
    """Starts a module with its arguments as two workers; returns their processes."""
    started = []

    def start(*words):
        addresses = [f"localhost:{port}" for port in free_ports(2)]
        for index in range(2):
            task = {"type": "worker", "index": index}
            tf_config = json.dumps({"cluster": {"worker": addresses}, "task": task})
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", *map(str, words)],
                    env={**os.environ, "TF_CONFIG": tf_config},
                    cwd=ROOT,
                    text=True,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
            )
        return started[-2:]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def words_of(trainings):
    """Writes configurations; returns the arguments of `tests.distributed.worker`.

    Args:
        trainings: Tuples of an app, its configuration and a run directory.
    """
    words = []
    for app, config, directory in trainings:
        path = directory.with_suffix(".yaml")
        save_config(config, path)
        words += [app, path, directory]
    return words


@pytest.fixture(scope="module")
def workers(start_two):
    """Starts two workers that train several apps in turn; returns their processes.

    Each argument is a tuple of an app, its configuration and a run directory.
    """

    def start(*trainings):
        return start_two("tests.distributed.worker", *words_of(trainings))

    return start


def finish(processes):
    """Waits for all processes and returns their outputs."""
    outputs = [process.communicate(timeout=PATIENCE_S)[0] for process in processes]
    for process, text in zip(processes, outputs, strict=True):
        assert process.returncode == 0, text
        assert "Traceback" not in text
    return outputs


def without_dropout(config):
    """Returns a configuration without dropout."""
    names = [name for name in vars(config.model) if "drop" in name]
    return replace(config, model=replace(config.model, **dict.fromkeys(names, 0.0)))


def weights_of(directory):
    """Returns the trained weights in order; their names differ between processes."""
    weights = keras.models.load_model(directory / "model.keras").trainable_weights
    return [weight.numpy() for weight in weights]


def short_config(config):
    """Returns a configuration of two epochs, without dropout.

    The learning rate is low because Adam amplifies rounding differences where a
    gradient is near zero.
    """
    settings = replace(config.train, epochs=2, learning_rate=0.001)
    return replace(without_dropout(config), train=settings)


def assert_alike(two, one):
    """Checks that two runs have the same weights and the same history."""
    for ours, theirs in zip(weights_of(two), weights_of(one), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=3e-5)
    for here, there in zip(read_history(two), read_history(one), strict=True):
        assert here.pop("seconds") >= 0
        there.pop("seconds")
        assert here == pytest.approx(there, abs=1e-4)


@pytest.fixture(scope="module")
def recipes(request, book, tmp_path_factory):
    """A configuration of each app; the book is cut to a quarter, as steps are slow."""
    configs = {app: request.getfixturevalue(name) for app, name in CONFIGS.items()}
    quarter = tmp_path_factory.mktemp("book") / "book.txt"
    lines = book.read_text(encoding="utf-8").splitlines(keepends=True)
    quarter.write_text("".join(lines[: len(lines) // 4]), encoding="utf-8")
    language = configs["language_modeling"]
    data = replace(language.data, file=str(quarter))
    return {**configs, "language_modeling": replace(language, data=data)}


@pytest.fixture(scope="module")
def configs(recipes):
    """A short configuration of each app."""
    return {app: short_config(config) for app, config in recipes.items()}


@pytest.fixture(scope="module")
def alone(configs, tmp_path_factory):
    """Returns a function from an app to the directory of a run by one worker."""
    root = tmp_path_factory.mktemp("alone")

    @functools.cache
    def run_of(app):
        importlib.import_module(f"apps.{app}.train").train(configs[app], root / app)
        return root / app

    return run_of


@pytest.fixture(scope="module")
def of_two_workers(configs, workers, tmp_path_factory):
    """A directory with a run of each app, all trained by the same two workers."""
    root = tmp_path_factory.mktemp("workers")
    outputs = finish(workers(*((app, configs[app], root / app) for app in CONFIGS)))
    assert outputs[0].count("Training ") == len(CONFIGS)
    return root


@pytest.fixture(scope="module")
def of_two_devices(configs, tmp_path_factory):
    """A directory with runs that one process trained on two devices."""
    root = tmp_path_factory.mktemp("devices")
    words = words_of((app, configs[app], root / app) for app in ON_DEVICES)
    command = [sys.executable, "-m", "tests.distributed.worker", "--devices=2", *words]
    subprocess.run(command, cwd=ROOT, check=True, timeout=PATIENCE_S)
    return root


@pytest.mark.parametrize("app", CONFIGS)
def test_two_workers_reach_the_weights_of_one(app, of_two_workers, alone):
    one, two = alone(app), of_two_workers / app
    assert_alike(two, one)
    left = {path.name for path in two.iterdir() if path.name != "logs"}
    assert left == {path.name for path in one.iterdir() if path.name != "logs"}


@pytest.mark.parametrize("app", ON_DEVICES)
def test_two_devices_reach_the_weights_of_one(app, of_two_devices, alone):
    """One process with MirroredStrategy, as with several GPUs."""
    assert_alike(of_two_devices / app, alone(app))


def test_a_lost_worker_is_named_and_the_same_command_ends_bit_equal(
    workers, recipes, tmp_path
):
    """With dropout; the language model also resumes the state of each worker's rows.

    Two workers resume both apps, and train them without interruption as well.
    """
    to_finish = []
    for app in TO_LOSE:
        settings = replace(recipes[app].train, patience=99)
        config = replace(recipes[app], train=settings)
        killed, undisturbed = (tmp_path / f"{name}-{app}" for name in ("killed", "not"))
        chief, other = workers((app, config, killed))
        end = time.monotonic() + PATIENCE_S
        while not (killed / "history.csv").exists():
            assert chief.poll() is None, chief.communicate()[0]
            assert time.monotonic() < end
            time.sleep(0.02)
        other.send_signal(signal.SIGKILL)
        output, _ = chief.communicate(timeout=PATIENCE_S)
        assert chief.returncode == 1
        assert "Error: Lost worker 1 (localhost:" in output
        assert "Traceback" not in output
        assert not (killed / "model.keras").exists()
        to_finish += [(app, config, killed), (app, config, undisturbed)]

    outputs = finish(workers(*to_finish))
    assert outputs[0].count("Resuming") == len(TO_LOSE)
    for (_, _, killed), (_, _, undisturbed) in zip(*[iter(to_finish)] * 2, strict=True):
        ours, theirs = weights_of(killed), weights_of(undisturbed)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_two_workers_that_encode_a_text_together_reach_the_weights_of_one(
    start_two, configs, alone, tmp_path
):
    """The run that follows finds the text encoded."""
    runs = [("language_modeling", configs["language_modeling"], tmp_path / "first")]
    runs += [("language_modeling", configs["language_modeling"], tmp_path / "second")]
    module = "tests.distributed.worker"
    output, _ = finish(start_two(module, "--part-bytes=1000", *words_of(runs)))
    (corpus,) = (tmp_path / "corpora").iterdir()
    assert f"{corpus}: encoding " in output
    assert " parts, by 2 workers." in output
    assert output.count(f"{corpus}: this text is encoded already.") == 1
    assert len(list(corpus.glob("train-*.npy"))) == 4
    for _, _, directory in runs:
        assert_alike(directory, alone("language_modeling"))


def test_a_chief_that_refuses_says_why_and_the_others_end_too(
    workers, sentiment_config, tmp_path
):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years of work")
    chief, other = workers(("sentiment", sentiment_config, tmp_path / "run"))
    output, _ = chief.communicate(timeout=PATIENCE_S)
    assert chief.returncode == 2
    assert "it is not a run directory" in output
    output, _ = other.communicate(timeout=PATIENCE_S)
    assert other.returncode == 1
    assert "Error: Lost worker 0" in output
    assert "Traceback" not in output
