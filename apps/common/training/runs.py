"""Creates, resumes and locks run directories; never overwrites one."""

import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from apps.common.config import load_run_config, save_config
from apps.common.data.labels import save_labels
from apps.common.finished import REMEDY, check_config, is_finished
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
        directory: Path of the directory.
        config: The configuration, without settings that are "auto".
        strategy: The `tf.distribute.Strategy` of the training.
        chief: Whether this process is the chief, which alone writes the run's files.
        finished: Whether the training has ended already.
    """

    directory: Path
    config: Any
    strategy: tf.distribute.Strategy
    chief: bool
    finished: bool

    def save_names(self, vocabulary=None, labels=()):
        """Writes the vocabulary and the labels for the run's `Predictor`.

        Args:
            vocabulary: A `Vocabulary`, or None for a model without one.
            labels: Names of the classes, or empty for a model without classes.
        """
        if self.chief and vocabulary is not None:
            vocabulary.save(self.directory / VOCABULARY)
        if self.chief and labels:
            save_labels(labels, self.directory / LABELS)

    def save(self, model):
        """Writes the trained model, which marks the run as finished."""
        if self.chief:
            with atomic_write(self.directory / MODEL) as temporary:
                model.save(temporary)


@contextmanager
def open_run(directory, config, choose=lambda config: config):
    """Creates a run directory, or opens it to resume, and locks it.

    An existing directory must have the same configuration; what it chose for a setting
    that is "auto" stays. The chief creates and locks
    the directory; the other workers must see it on a shared file system.

    Args:
        directory: The run directory.
        config: The whole configuration.
        choose: Function that returns the configuration of a new run, with a choice for
            each setting that is "auto". Only the chief calls it.

    Yields:
        A `Run`.

    Raises:
        ValueError: If the directory has another configuration or is not a run, if
            another process trains in it, or if workers differ in their configuration.
        ConnectionError: If a worker is missing or lost.
    """
    directory, strategy = Path(directory), training_strategy()
    chief = is_chief(strategy)
    with lost_workers(strategy), ExitStack() as stack:
        digests = gather_numbers(strategy, zlib.crc32(repr(config).encode()))
        if len(set(digests)) > 1:
            raise ValueError(
                "The workers have different configurations. Start all of them with the "
                "same command."
            )
        if chief:
            directory.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_locked(directory))
            _create(directory, config, choose)
        gather_numbers(strategy, 0)  # barrier: the chief has created the directory
        path = directory / CONFIG
        modified = int(path.stat().st_mtime) if path.exists() else 0
        if len(set(gather_numbers(strategy, modified))) > 1:
            raise ValueError(
                f"{directory}: not all workers see the files of the chief. Give a run "
                "directory on a shared file system with run_directory=..."
            )
        finished = is_finished(directory)
        if finished and chief:
            print(f"{directory} is trained already.")
        stored = load_run_config(type(config), path)
        yield Run(directory, stored, strategy, chief, finished)


def _create(directory, config, choose):
    """Creates a run directory, or checks that the existing one can be resumed."""
    names = {path.name for path in _contents(directory)}
    if names <= {CONFIG}:  # new, or killed before anything else was written
        save_config(choose(config), directory / CONFIG)
        return
    if CONFIG not in names:
        raise ValueError(
            f"{directory} has files in it but no {CONFIG}: it is not a run directory. "
            f"{REMEDY}"
        )
    check_config(directory, config)


@contextmanager
def _locked(directory):
    """Holds an advisory lock on a run directory.

    Raises:
        ValueError: If another process holds the lock.
    """
    try:
        with exclusive_lock(directory, wait=False):
            yield
    except BlockingIOError:
        raise ValueError(
            f"{directory}: another process is training in it. Wait until it ends, or "
            "give another directory with run_directory=..."
        ) from None


def _contents(directory):
    """Yields the entries of a directory without temporary files of killed processes."""
    return (path for path in directory.iterdir() if not path.name.startswith("."))
