"""Resumable training: exact checkpoints, early stopping and the best weights."""

import csv
import json
import math
import os
import sys
import time
import zlib
from contextlib import contextmanager

import keras
import numpy as np

from apps.common.data.batches import Shard
from apps.common.portable.files import DAMAGED, arrays_in, atomic_write
from apps.common.portable.run_files import (
    BEST,
    CHECKPOINT,
    CHECKPOINT_BEFORE,
    HISTORY,
    LOGS,
)
from apps.common.training.cluster import decorrelate_dropout, gather_numbers
from apps.common.training.display import Display


def fit(run, job, settings):
    """Trains a compiled model; resumes from the last checkpoint if there is one.

    A resumed run has the same batches, dropout masks and learning rates as one that was
    not interrupted. At the end the model has the weights of the best evaluation. If the
    optimizer averages the weights (`use_ema`), the average is evaluated and kept. Every
    worker calls this function; only the chief writes files.

    Args:
        run: The `Run`, for checkpoint, best weights, `history.csv` and logs.
        job: A `Job`.
        settings: A `TrainConfig`. An epoch has `evaluations_per_epoch` parts; after
            each the model is evaluated and a checkpoint is written.

    Raises:
        ValueError: If the loss becomes infinite or NaN, or workers differ in checkpoint
            or data. Also if no checkpoint can be read, or the best weights cannot.
    """
    directory, strategy, model = run.directory, run.strategy, job.trainer
    steps_per_epoch = job.batches.steps
    parts = max(1, min(settings.evaluations_per_epoch, steps_per_epoch))
    steps = steps_per_epoch // parts
    progress = _Progress(run, job, parts, settings.patience)
    progress.restore(model)
    start = len(progress.history)
    # Must be equal on all workers.
    fingerprint = (start, steps_per_epoch, job.validation.steps, model.count_params())
    if len(set(gather_numbers(strategy, zlib.crc32(repr(fingerprint).encode())))) > 1:
        raise ValueError(
            f"{directory}: the workers have different checkpoints or data. This one "
            f"has {start} evaluations and {steps_per_epoch:,} steps per epoch. Give "
            "all workers the same run directory and the same data."
        )
    decorrelate_dropout(model.variables, strategy)
    if not progress.stopped:
        first_epoch, skipped = divmod(start * steps, steps_per_epoch)

        def sharded(context):
            shard = Shard.of_context(context)
            batches = job.batches.shuffled(settings.seed, first_epoch, shard)
            return batches.skip(skipped * shard.local_replicas)

        def sharded_validation(context):
            return job.validation.in_order(Shard.of_context(context))

        model.fit(
            strategy.distribute_datasets_from_function(sharded),
            initial_epoch=start,
            epochs=settings.epochs * parts,
            steps_per_epoch=steps,
            validation_data=strategy.distribute_datasets_from_function(
                sharded_validation
            ),
            validation_steps=job.validation.steps,
            shuffle=False,
            verbose=0,
            callbacks=progress.callbacks,
        )
    gather_numbers(strategy, start)  # barrier: the chief has written the best weights
    try:
        with arrays_in(directory / BEST) as best:
            model.set_weights([best[name] for name in best.files])
    except DAMAGED as error:
        raise ValueError(
            f"{directory / BEST} cannot be read ({error}). Delete the run directory "
            "and train again."
        ) from error


@contextmanager
def averaged_weights(model):
    """Sets the model to the optimizer's averaged weights while the block runs."""
    if not model.optimizer.use_ema:
        yield
        return
    last = [variable.numpy() for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, last, strict=True):
            variable.assign(value)


class _Progress(keras.callbacks.Callback):
    """Evaluates averaged weights, saves the best ones, and writes the checkpoint."""

    def __init__(self, run, job, parts, patience):
        super().__init__()
        self.chief, self.directory = run.chief, run.directory
        self.parts, self.patience = parts, patience
        self.monitor, self.sign = job.monitor, {"max": 1, "min": -1}[job.mode]
        self.history = []
        self.averaged = None

    @property
    def callbacks(self):
        """Returns this callback and, on the chief, what shows and logs the training."""
        if not self.chief:
            return [self]
        logs = keras.callbacks.TensorBoard(self.directory / LOGS, write_graph=False)
        return [self, Display(self.parts), logs]

    @property
    def scores(self):
        values = [self.sign * row[self.monitor] for row in self.history]
        return [-math.inf if math.isnan(value) else value for value in values]

    @property
    def stopped(self):
        """Early stopping: whether the last `patience` evaluations were not better."""
        scores = self.scores
        return (
            bool(scores) and len(scores) - 1 - int(np.argmax(scores)) >= self.patience
        )

    def restore(self, model):
        """Restores a checkpoint: weights, optimizer, random state and history.

        Falls back to the previous checkpoint if the last one cannot be read.
        """
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        paths = [self.directory / name for name in (CHECKPOINT, CHECKPOINT_BEFORE)]
        paths = [path for path in paths if path.exists()]
        for path in paths:
            try:
                with arrays_in(path) as checkpoint:
                    history = json.loads(str(checkpoint["history"]))
                    values = [
                        checkpoint[f"variable_{index}"]
                        for index in range(len(_variables(model)))
                    ]
            except DAMAGED as error:
                print(f"{path} cannot be read ({error}).", file=sys.stderr)
                continue
            for variable, value in zip(_variables(model), values, strict=True):
                variable.assign(value)
            self.history = history
            if self.chief:
                self._write_history()
                epochs = history[-1]["epoch"]
                print(f"Resuming {self.directory} after {epochs:g} epochs.")
            return
        if paths:
            raise ValueError(
                f"{self.directory} has no checkpoint that can be read. Delete the "
                "directory and train again."
            )

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            done = self.history[-1]["epoch"] if self.history else 0
            raise ValueError(
                f"The loss is {loss} at batch {batch + 1} after {done:g} epochs; the "
                "last checkpoint is kept. Set a smaller train.learning_rate, or check "
                "the data."
            )

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.monotonic()

    def on_test_begin(self, logs=None):
        self.averaged = averaged_weights(self.model)
        self.averaged.__enter__()

    def on_test_end(self, logs=None):
        self.averaged.__exit__(None, None, None)

    def on_epoch_end(self, epoch, logs=None):
        row = {key: float(value) for key, value in logs.items()}
        seconds = time.monotonic() - self.began
        self.history.append(
            {"epoch": (epoch + 1) / self.parts, **row, "seconds": round(seconds, 2)}
        )
        self.model.stop_training = self.stopped
        state = {  # on every worker: reading `PerReplicaState` gathers from all
            f"variable_{index}": variable.numpy()
            for index, variable in enumerate(_variables(self.model))
        }
        if not all(np.isfinite(value).all() for value in state.values()):
            raise ValueError(
                f"Weights are infinite or NaN after {(epoch + 1) / self.parts:g} "
                "epochs; the previous checkpoint is kept. Set a smaller "
                "train.learning_rate, or check the data."
            )
        if not self.chief:
            return
        if int(np.argmax(self.scores)) == len(self.history) - 1:
            with averaged_weights(self.model):
                _save_arrays(self.directory / BEST, *self.model.get_weights())
        history = json.dumps(self.history)
        _save_checkpoint(self.directory, history=history, **state)
        self._write_history()

    def _write_history(self):
        with (
            atomic_write(self.directory / HISTORY) as temporary,
            open(temporary, "w", newline="") as file,
        ):
            writer = csv.DictWriter(file, self.history[0])
            writer.writeheader()
            writer.writerows(self.history)


def _save_arrays(path, *arrays, **named):
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, *arrays, **named)


def _save_checkpoint(directory, **named):
    """Writes the checkpoint and keeps the previous one."""
    path = directory / CHECKPOINT
    with atomic_write(path) as temporary:
        with open(temporary, "wb") as file:
            np.savez(file, **named)
        if path.exists():
            os.replace(path, directory / CHECKPOINT_BEFORE)


def _variables(model):
    """Returns all variables that training changes, in the order of a checkpoint.

    These are weights, dropout seeds, optimizer variables and the state that a `Trainer`
    carries from batch to batch.
    """
    metrics = {id(variable) for variable in model.metrics_variables}
    changing = [v for v in model.variables if id(v) not in metrics]
    state = getattr(model, "state", {"train": ()})["train"]
    return [*changing, *model.optimizer.variables, *state]
