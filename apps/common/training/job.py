"""A training from recipe to finished run: what all apps do alike."""

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
    """What training needs beside its settings.

    Attributes:
        trainer: A `Trainer`, which has the model, its optimizer and its loss.
        batches: Training batches: `steps`, their number in an epoch, and
            `shuffled(seed, epoch, shard)`, those from that epoch on, endlessly, and the
            same ones each time it is called.
        validation: Batches on which the model is evaluated: `steps`, and
            `in_order(shard)`.
        examples: What an epoch consists of, such as "6,920 texts".
        monitor: What is compared from evaluation to evaluation, by its name in the
            history.
        mode: "max" or "min", whichever is better.
        finish: Does what is left to do with the trained model before it is saved.
    """

    trainer: Trainer
    batches: Any
    validation: Any
    examples: str
    monitor: str = "val_accuracy"
    mode: str = "max"
    finish: Callable[[], None] = lambda: None


def train_run(config, directory, prepare):
    """Trains, or resumes training, until the run directory holds `model.keras`.

    Args:
        config: An app's `Config`.
        directory: The run directory; several workers have to share it.
        prepare: The app's function from its configuration and a `Run` to a `Job`.

    Raises:
        ValueError: If the directory holds another run, or the data cannot be read.
        ConnectionError: If a worker is missing or lost.
    """
    with open_run(directory, config) as run:
        if run.finished:
            return
        keras.utils.set_random_seed(config.train.seed)
        tf.config.experimental.enable_op_determinism()  # a resumed run ends bit-equal
        job = prepare(config, run)
        model = job.trainer.model
        print(
            f"Training {model.count_params():,} parameters on {job.examples}, "
            f"{job.batches.steps:,} steps an epoch."
        )
        fit(run, job, config.train)
        if run.chief:
            job.finish()
        run.save(model)
