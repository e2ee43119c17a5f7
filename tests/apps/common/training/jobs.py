"""What tests of `fit` share: a run of one process, and jobs of functions."""

from types import SimpleNamespace

import tensorflow as tf

from apps.common.training.job import Job
from apps.common.training.runs import Run


def run_in(directory):
    """Returns a `Run` of this process alone."""
    strategy = tf.distribute.get_strategy()
    return Run(directory, strategy, chief=True, finished=False)


def job_of(model, steps, batches, validation_steps, validation, **options):
    """Returns a `Job`.

    Args:
        model: A compiled model, in the place of a `Trainer`.
        steps: Batches of an epoch.
        batches: A function from an epoch to those from it on.
        validation_steps: Batches of the validation split.
        validation: A function to them.
        **options: As of `Job`.
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
    """Returns what `fit` asks of a `TrainConfig`."""
    return SimpleNamespace(
        seed=1, epochs=epochs, evaluations_per_epoch=parts, patience=patience
    )
