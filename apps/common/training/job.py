"""Trains any app: from its configuration to a finished run directory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from apps.common.training.fit import fit
from apps.common.training.runs import open_run
from apps.common.training.trainer import Trainer


@dataclass(frozen=True)
class Job:
    """The model, the data and the monitored metric of a training.

    Attributes:
        trainer: A `Trainer` with the model, its optimizer and its loss.
        batches: Training batches. `steps` is their number per epoch.
            `shuffled(seed, epoch, shard)` returns endless batches from that epoch on,
            the same at each call.
        validation: Validation batches, with `steps` and `in_order(shard)`.
        examples: Size of an epoch, for the log, such as "6,920 texts".
        monitor: Metric of early stopping and of the best weights, by its name in the
            history.
        mode: "max" if a higher metric is better, "min" if a lower one is.
        finish: Called on the chief after training, before the model is saved.
    """

    trainer: Trainer
    batches: Any
    validation: Any
    examples: str
    monitor: str
    mode: str
    finish: Callable[[], None] = lambda: None


def train_run(config, directory, prepare, choose=lambda config: config):
    """Trains a run, or resumes it, until its directory has a `model.keras`.

    Args:
        config: An app's `Config`.
        directory: The run directory; all workers must see the same one.
        prepare: The app's function from its configuration and a `Run` to a `Job`.
        choose: The app's function that replaces settings that are "auto".

    Raises:
        ValueError: If the directory has another run, or the data cannot be read.
        ConnectionError: If a worker is missing or lost.
    """
    with open_run(directory, config, choose) as run:
        if run.finished:
            return
        keras.utils.set_random_seed(config.train.seed)
        tf.config.experimental.enable_op_determinism()  # a resumed run ends bit-equal
        job = prepare(run.config, run)
        model = job.trainer.model
        print(
            f"Training {model.count_params():,} parameters on {job.examples}, "
            f"{job.batches.steps:,} steps per epoch."
        )
        fit(run, job, run.config.train)
        if run.chief:
            job.finish()
        run.save(model)
