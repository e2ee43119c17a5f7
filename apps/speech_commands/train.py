"""Trains a keyword model."""

from dataclasses import asdict
from functools import partial

import numpy as np
import tensorflow as tf

from apps.common.metrics.classification import loss_and_accuracy
from apps.common.training.job import Job, train_run
from apps.common.training.optimizer import optimizer
from apps.common.training.trainer import Trainer
from apps.speech_commands.config import MONITOR
from apps.speech_commands.data import Batches, load_data
from apps.speech_commands.features import LogMel
from apps.speech_commands.model import (
    build_model,
    clip_logits,
    frame_logits,
    of_clips,
    pooled,
    streams,
)
from apps.speech_commands.predict import Predictor
from apps.speech_commands.streaming.background import (
    BackgroundLoss,
    WithBackground,
    load_background,
)
from apps.speech_commands.streaming.threshold import choose_detection

ADAPTED_BATCHES = 20  # for the mean and variance of the normalization layer


def prepare(config, run):
    """Returns the `Job` of a `Config`; writes the labels to the run."""
    settings = config.train
    front_end = LogMel(config.data.sample_rate_hz, **asdict(config.features))
    data = load_data(config.data, ("train", "validation"))
    classes = len(data.labels)
    with run.strategy.scope():
        model = build_model(classes, front_end.mel_bands, **asdict(config.model))
    run.save_names(labels=data.labels)
    in_a_row = settings.clips_in_a_row if streams(model) else None
    batches = Batches(
        *(data.train, classes, front_end, settings.batch_size, in_a_row),
        config.augmentation,
        beside=settings.background_hours > 0,
    )
    background = None
    if settings.background_hours:
        minutes = load_background(settings.background_hours, data.labels, config)
        background = BackgroundLoss(
            batches.frames, settings.background_weight, data.labels
        )
        batches = WithBackground(batches, minutes, batches.frames, settings.noise_share)
    validation = Batches(
        data.validation, classes, front_end, settings.batch_size, in_a_row and 1
    )
    if not config.model.clip_normalization:
        adapted = batches.shuffled(settings.seed).take(ADAPTED_BATCHES)
        frames = np.concatenate([features for features, _ in adapted])
        model.get_layer("normalization").adapt(frames)
    with run.strategy.scope():
        adamw = optimizer(settings, batches.steps)
    trainer = trainer_of(
        *(run.strategy, model, adamw, batches.batch_size),
        *(config.model.pooling, in_a_row and validation.frames),
        background=background,
    )

    def finish():
        """Chooses how words are detected in a stream."""
        if streams(model):
            predictor = Predictor(run.directory, config)
            predictor.model = model  # which is not saved yet
            choose_detection(predictor, data.validation)

    clips = f"{len(data.train.labels):,} clips"
    return Job(trainer, batches, validation, clips, **MONITOR, finish=finish)


train = partial(train_run, prepare=prepare)


def trainer_of(
    strategy, model, optimizer, batch_size, pooling, frames, background=None
):
    """Returns a `Trainer` for clips, or for rows of several clips in a row.

    Divides the summed loss by the clips of a full batch; `pooling` and `frames` are
    those of `clip_logits`. `background` is the `BackgroundLoss` of training batches
    `WithBackground`.
    """

    def loss_fn(batch, training):
        features, one_hot = batch
        more = 0.0
        if training and background:
            logits = frame_logits(model, features, training)
            more, logits = background.split(logits, frames, pooling)
            logits = pooled(of_clips(logits, frames), pooling)
        else:
            logits = clip_logits(model, features, pooling, frames, training)
        labels = tf.argmax(one_hot, axis=-1, output_type="int32")
        reported = loss_and_accuracy(logits, labels, tf.reduce_sum(one_hot, axis=-1))
        return (reported["loss"][0] + more) / batch_size, reported

    return Trainer(strategy, model, optimizer, loss_fn)
