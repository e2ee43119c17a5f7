"""Run directories: made, resumed or refused, and never overwritten."""

import json
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from apps.common.config import differences, load_config, save_config
from apps.common.portable.files import atomic_write, exclusive_lock
from apps.common.training.cluster import (
    gather_numbers,
    is_chief,
    lost_workers,
    training_strategy,
)
from apps.common.training.fit import read_history

CONFIG, MODEL, METRICS = "config.yaml", "model.keras", "metrics.json"


@dataclass(frozen=True)
class Run:
    """A run directory opened for training.

    Attributes:
        directory: Its path.
        strategy: The `tf.distribute.Strategy` of the training.
        chief: Whether this process is the one that writes.
        finished: Whether there is nothing left to train.
    """

    directory: Path
    strategy: tf.distribute.Strategy
    chief: bool
    finished: bool

    def save(self, model):
        """Writes the trained model, which ends the training."""
        if self.chief:
            with atomic_write(self.directory / MODEL) as temporary:
                model.save(temporary)


@contextmanager
def open_run(directory, config):
    """Opens a run directory for training, and keeps others from it.

    A new one is made; one with the same configuration is there to be resumed. Of
    several workers the chief makes it, and the others have to find it.

    Args:
        directory: The run directory.
        config: The whole configuration.

    Yields:
        A `Run`.

    Raises:
        ValueError: If the directory belongs to another configuration or is no run, if
            another process trains in it, or if workers differ in their configuration.
        ConnectionError: If a worker is missing or lost.
    """
    directory, strategy = Path(directory), training_strategy()
    chief = is_chief(strategy)
    with lost_workers(strategy), ExitStack() as stack:
        digests = gather_numbers(strategy, zlib.crc32(repr(config).encode()))
        if len(set(digests)) > 1:
            raise ValueError(
                "The workers have different configurations. Start all of them by the "
                "same command."
            )
        if chief:
            directory.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_locked(directory))
            _make(directory, config)
        gather_numbers(strategy, 0)  # the others wait for the chief
        path = directory / CONFIG
        made = int(path.stat().st_mtime) if path.exists() else 0
        if len(set(gather_numbers(strategy, made))) > 1:
            raise ValueError(
                f"{directory}: the workers do not all see what the chief has made. "
                "They need a run directory that all of them reach: give one on a "
                "shared file system with run_directory=..."
            )
        finished = is_finished(directory)
        if finished and chief:
            print(f"{directory} is trained already.")
        yield Run(directory, strategy, chief, finished)


def _make(directory, config):
    """Makes a run directory, or checks that the one that is there can be resumed."""
    way_out = "Give another directory with run_directory=..., or remove this one."
    found = {path.name for path in _contents(directory)}
    if found <= {CONFIG}:  # new, or ended before there was anything to lose
        save_config(config, directory / CONFIG)
        return
    if CONFIG not in found:
        raise ValueError(
            f"{directory} has files in it but no {CONFIG}: it is no run. {way_out}"
        )
    changed = differences(load_config(type(config), directory / CONFIG), config)
    if changed:
        raise ValueError(
            f"{directory} holds a run of another configuration: {'; '.join(changed)}. "
            f"{way_out}"
        )


@contextmanager
def _locked(directory):
    """Keeps a run directory for this process; the lock ends with it, however it ends.

    Raises:
        ValueError: If another process has it.
    """
    try:
        with exclusive_lock(directory, wait=False):
            yield
    except BlockingIOError:
        raise ValueError(
            f"{directory}: another process is training in it. Wait for its end, or "
            "give another directory with run_directory=..."
        ) from None


def is_finished(directory):
    """Whether the run's training has ended."""
    return (Path(directory) / MODEL).exists()


def finished_run(directory, config_class):
    """Returns the configuration of a run whose training has ended.

    Raises:
        ValueError: If there is no such run, or its training has not ended.
    """
    directory = Path(directory)
    if not (directory / CONFIG).exists():
        raise ValueError(
            f"{directory} is not a run: it has no {CONFIG}. Train it first."
        )
    if not is_finished(directory):
        raise ValueError(
            f"{directory} is not finished: it has no {MODEL}. "
            "The command that trains it resumes it."
        )
    return load_config(config_class, directory / CONFIG)


def read_metrics(directory):
    """Returns the metrics of a run that is evaluated already, and says so, or None."""
    path = Path(directory, METRICS)
    if not path.exists():
        return None
    try:
        metrics = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read ({error}). Remove it, and evaluate anew."
        ) from None
    print(f"{directory} is evaluated already.")
    return metrics


def save_metrics(predictor, found, examples, unit):
    """Writes the metrics of a run, and what a reader of them asks for.

    Args:
        predictor: The run's `Predictor`.
        found: What was measured on the test split.
        examples: Size of the test split,
        unit: in these.

    Returns:
        The metrics, as in `metrics.json`.
    """
    directory = predictor.directory
    metrics = {
        "dataset": predictor.config.data.dataset,
        "split": "test",
        "examples": examples,
        "unit": unit,
        **found,
        "parameters": predictor.model.count_params(),
        "train_minutes": sum(r["seconds"] for r in read_history(directory)) / 60,
    }
    with atomic_write(directory / METRICS) as temporary:
        temporary.write_text(json.dumps(metrics, indent=2) + "\n")
    return metrics


def _contents(directory):
    """Yields what is in a directory, but what a killed process left aside."""
    return (path for path in directory.iterdir() if not path.name.startswith("."))
