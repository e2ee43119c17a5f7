"""Trains a word spotter into a run directory."""

from dataclasses import asdict

import keras
import numpy as np
import tensorflow as tf

from apps.common.classification import loss_and_accuracy, save_labels
from apps.common.optimizer import optimizer
from apps.common.runs import open_run
from apps.common.trainer import Trainer
from apps.common.training import fit
from apps.speech_commands.data import Batches, load_data
from apps.speech_commands.features import LogMel
from apps.speech_commands.model import build_model, clip_logits, streams

ADAPTED_BATCHES = 20


def train(config, directory):
    """Trains, or resumes training, until the run directory holds `model.keras`.

    Args:
        config: A `Config`.
        directory: The run directory; several workers have to share it.

    Raises:
        ValueError: If the directory holds another run, or the data cannot be read.
        ConnectionError: If a worker is missing or lost.
    """
    with open_run(directory, config) as run:
        if not run.finished:
            _train(config, run)


def _train(config, run):
    directory, settings = run.directory, config.train
    tf.config.experimental.enable_op_determinism()  # a resumed run ends bit-equal
    lowest, highest = (
        config.augmentation.lowest_snr_db,
        config.augmentation.highest_snr_db,
    )
    if lowest > highest:
        raise ValueError(
            f"augmentation.lowest_snr_db: expected at most {highest:g}, which is "
            f"augmentation.highest_snr_db. Received: {lowest:g}."
        )
    front_end = LogMel(config.data.sample_rate_hz, **asdict(config.features))
    if config.model.direction == "both" and settings.clips_in_a_row > 1:
        raise ValueError(
            "train.clips_in_a_row: a model of both directions reads one clip. "
            f"Received: {settings.clips_in_a_row}."
        )
    keras.utils.set_random_seed(settings.seed)
    data = load_data(config.data, ("train", "validation"))
    classes = len(data.labels)
    with run.strategy.scope():
        model = build_model(classes, front_end.mel_bands, **asdict(config.model))
    if run.chief:
        save_labels(data.labels, directory / "labels.txt")
    in_a_row = settings.clips_in_a_row if streams(model) else None
    batches = Batches(data.train, classes, front_end, settings.batch_size, in_a_row)
    validation = Batches(
        data.validation, classes, front_end, settings.batch_size, in_a_row and 1
    )
    model.get_layer("normalization").adapt(
        np.concatenate(
            [
                features
                for features, _ in batches.shuffled(
                    settings.seed, 0, config.augmentation
                ).take(ADAPTED_BATCHES)
            ]
        )
    )
    with run.strategy.scope():
        adamw = optimizer(settings, batches.steps)
    print(
        f"Training {model.count_params():,} parameters on "
        f"{len(data.train.labels):,} clips, {batches.steps:,} steps an epoch."
    )
    fit(
        trainer_of(
            *(run.strategy, model, adamw, batches.batch_size),
            *(config.model.pooling, in_a_row and batches.frames),
        ),
        directory,
        lambda epoch, shard: batches.shuffled(
            settings.seed, epoch, config.augmentation, shard
        ),
        batches.steps,
        validation.in_order,
        validation.steps,
        epochs=settings.epochs,
        evaluations_per_epoch=settings.evaluations_per_epoch,
        patience=settings.patience,
        strategy=run.strategy,
    )
    run.save(model)


def trainer_of(strategy, model, optimizer, batch_size, pooling, frames):
    """Returns a `Trainer`, for batches as `Batches` makes them.

    Args:
        strategy: A `tf.distribute.Strategy`.
        model: What `build_model` returns, made in its scope.
        optimizer: Its optimizer, made there too.
        batch_size: Clips of a full batch.
        pooling: As in `clip_logits`,
        frames: as in `clip_logits`.
    """

    def sums(batch, training):
        features, one_hot = batch
        logits = clip_logits(model, features, pooling, frames, training)
        labels = tf.argmax(one_hot, axis=-1, output_type="int32")
        reported = loss_and_accuracy(logits, labels, tf.reduce_sum(one_hot, axis=-1))
        return reported["loss"][0] / batch_size, reported

    return Trainer(strategy, model, optimizer, sums)
