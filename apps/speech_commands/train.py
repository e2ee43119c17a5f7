"""Trains a word spotter into a run directory."""

from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.common.classification import save_labels
from apps.common.files import replacing
from apps.common.optimizer import optimizer
from apps.common.runs import MODEL, open_run
from apps.common.training import fit
from apps.speech_commands.data import Batches, load_data
from apps.speech_commands.features import LogMel
from apps.speech_commands.model import build_model, clip_logits, streams

ADAPTED_BATCHES = 20


def train(config, directory):
    """Trains, or resumes training, until the run directory holds `model.keras`.

    Args:
        config: A `Config`.
        directory: The run directory.

    Raises:
        ValueError: If the directory holds another run, or the data cannot be read.
    """
    directory = Path(directory)
    if not open_run(directory, config):
        print(f"{directory} is trained already.")
        return
    settings = config.train
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
    model = build_model(classes, front_end.mel_bands, **asdict(config.model))
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
    trainer = Trainer(model, config.model.pooling, in_a_row and batches.frames)
    trainer.compile(
        optimizer(settings, batches.steps),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    print(
        f"Training {model.count_params():,} parameters on "
        f"{len(data.train.labels):,} clips, {batches.steps:,} steps an epoch."
    )
    fit(
        trainer,
        directory,
        lambda epoch: batches.shuffled(settings.seed, epoch, config.augmentation),
        batches.steps,
        validation.in_order(),
        validation.steps,
        epochs=settings.epochs,
        evaluations_per_epoch=settings.evaluations_per_epoch,
        patience=settings.patience,
    )
    with replacing(directory / MODEL) as aside:
        model.save(aside)


class Trainer(keras.Model):
    """Trains a model on clips, several in a row where it streams."""

    def __init__(self, model, pooling, frames):
        super().__init__()
        self.model, self.pooling, self.frames = model, pooling, frames
        self.built = True

    def call(self, features, training=False):
        """Returns the logits of each clip."""
        return clip_logits(self.model, features, self.pooling, self.frames, training)
