"""Helpers for tests of `fit`: a run of one process, and jobs made of functions."""

from types import SimpleNamespace

import tensorflow as tf

from apps.common.training.job import Job
from apps.common.training.runs import Run


def run_in(directory):
    """Returns a new `Run` of one process."""
    strategy = tf.distribute.get_strategy()
    return Run(directory, None, strategy, chief=True, finished=False)


def job_of(model, steps, batches, validation_steps, validation, **options):
    """Returns a `Job`.

    Args:
        model: A compiled model, used as the `Trainer`.
        steps: Batches per epoch.
        batches: A function from an epoch to a dataset of batches from that epoch on.
        validation_steps: Batches of the validation split.
        validation: A function that returns a dataset of these batches.
        **options: Further fields of `Job`.
    """
    return Job(
        model,
        SimpleNamespace(
            steps=steps, shuffled=lambda seed, epoch, shard: batches(epoch)
        ),
        SimpleNamespace(steps=validation_steps, in_order=lambda shard: validation()),
        "examples",
        **options,
    )


def settings_of(epochs, parts=1, patience=100):
    """Returns the settings of a `TrainConfig` that `fit` reads."""
    return SimpleNamespace(
        seed=1, epochs=epochs, evaluations_per_epoch=parts, patience=patience
    )
