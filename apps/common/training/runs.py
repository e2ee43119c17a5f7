"""Run directories: made, resumed or refused, and never overwritten."""

import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from apps.common.config import differences, load_config, save_config
from apps.common.data.labels import save_labels
from apps.common.portable.files import atomic_write, exclusive_lock
from apps.common.portable.run_files import CONFIG, LABELS, MODEL, VOCABULARY
from apps.common.training.cluster import (
    gather_numbers,
    is_chief,
    lost_workers,
    training_strategy,
)


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

    def save_names(self, vocabulary=None, labels=()):
        """Writes the vocabulary and the labels, which a `Predictor` reads.

        Args:
            vocabulary: A `Vocabulary`, or None for a model without one.
            labels: Names of the classes, or empty for a model without classes.
        """
        if self.chief and vocabulary is not None:
            vocabulary.save(self.directory / VOCABULARY)
        if self.chief and labels:
            save_labels(labels, self.directory / LABELS)

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


def _contents(directory):
    """Yields what is in a directory, but what a killed process left aside."""
    return (path for path in directory.iterdir() if not path.name.startswith("."))
