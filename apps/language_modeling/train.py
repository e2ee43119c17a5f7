"""Trains a language model."""

from dataclasses import asdict, replace
from functools import partial

import keras
import tensorflow as tf

from apps.common.choices import AUTO
from apps.common.layers.state import zero_state
from apps.common.portable.patterns import PADDING_ID
from apps.common.training.encoder import save_encoder
from apps.common.training.job import Job, train_run
from apps.common.training.optimizer import clipped_optimizer
from apps.common.training.processor import multiplies_bfloat16
from apps.common.training.trainer import PerReplicaState, Trainer
from apps.language_modeling.config import MONITOR
from apps.language_modeling.corpus import Corpora
from apps.language_modeling.data import Windows, load_data
from apps.language_modeling.model import build_model
from apps.language_modeling.sampled_softmax import sampled_cross_entropy


def prepare(config, run):
    """Returns the `Job` of a `Config`; writes the vocabulary to the run."""
    settings = config.train
    corpora = Corpora.of_run(run)
    data = load_data(config.data, ("train", "validation"), corpora=corpora)
    run.save_names(data.vocabulary)
    windows = Windows(data.train, settings.batch_size, settings.window)
    validation = Windows.for_validation(
        data.validation, settings.batch_size, settings.window
    )
    with run.strategy.scope():
        model = build_model(len(data.vocabulary), **asdict(config.model))
        adamw = clipped_optimizer(settings, windows.steps)
    streams = {"train": windows.batch_size, "test": validation.batch_size}
    trainer = trainer_of(
        *(run.strategy, model, adamw, streams),
        *(settings.window, settings.sampled_tokens),
    )
    return Job(
        trainer,
        windows,
        validation,
        f"{len(data.train):,} tokens, vocabulary of {len(data.vocabulary):,}",
        **MONITOR,
        finish=lambda: save_encoder(
            model, run.directory, config.data.tokens, config.data.token_rules
        ),
    )


def choose_softmax_dtype(config):
    """Replaces `model.softmax_dtype=auto` by the faster one on this processor."""
    if config.model.softmax_dtype != AUTO:
        return config
    dtype, reason = "float32", "this processor multiplies bfloat16 no faster"
    if config.train.sampled_tokens:
        reason = "the sampled softmax knows no other"
    elif multiplies_bfloat16():
        dtype, reason = "bfloat16", "this processor multiplies it faster"
    print(f"model.softmax_dtype: {dtype}, since {reason}.")
    return replace(config, model=replace(config.model, softmax_dtype=dtype))


train = partial(train_run, prepare=prepare, choose=choose_softmax_dtype)


def trainer_of(strategy, model, optimizer, streams, window, sampled_tokens=0):
    """Returns a `Trainer` that carries the model's state from window to window.

    Args:
        strategy: A `tf.distribute.Strategy`.
        model: Model of `build_model`, made in the strategy's scope.
        optimizer: The model's optimizer, made in the strategy's scope.
        streams: Number of parallel streams by split, "train" and "test".
        window: Mean number of timesteps of a window. The summed loss is divided by
            the number of tokens of a mean window, so longer ones weigh more.
        sampled_tokens: Number of tokens of the sampled softmax; 0 takes the whole
            vocabulary.
    """
    replicas = strategy.num_replicas_in_sync
    embedding = model.get_layer("embedding")
    with strategy.scope():
        reader = keras.Model(
            model.inputs, [model.get_layer("states").output, *model.outputs[1:]]
        )
        seeds = keras.random.SeedGenerator()

    def losses_of(inputs, targets, state, training):
        outputs, *state = reader([inputs["token_ids"], *state], training=training)
        rows = tf.reshape(outputs, [-1, outputs.shape[-1]])
        targets = tf.reshape(targets, [-1])
        if training and sampled_tokens:
            weights = map(tf.convert_to_tensor, (embedding.vectors, embedding.bias))
            seed = tf.cast(seeds.next(), "int32")
            losses = sampled_cross_entropy(
                *(rows, targets, *weights, seed), sampled_tokens
            )
        else:
            losses = embedding.losses(rows, targets, training)
        return losses, state

    def loss_fn(batch, training, *state):
        inputs, targets = batch
        state = [tf.where(inputs["first"], 0.0, tensor) for tensor in state]
        losses, state = losses_of(inputs, targets, state, training)
        is_token = tf.reshape(tf.cast(targets != PADDING_ID, "float32"), [-1])
        loss, tokens = tf.reduce_sum(losses * is_token), tf.reduce_sum(is_token)
        # The gradient is in proportion to the window's length; penalties are means.
        objective = loss / (streams["train"] * window)
        if training:
            share = tf.cast(tf.shape(targets)[1], "float32") / (window * replicas)
            objective += share * sum(reader.losses)
        return objective, {"loss": (loss, tokens)}, *state

    state = {
        split: [
            PerReplicaState(strategy, zeros.numpy())
            for zeros in zero_state(model, -(-count // replicas) * replicas)
        ]
        for split, count in streams.items()
    }
    trainer = Trainer(
        *(strategy, model, optimizer, loss_fn, ["loss"], state), perplexity=True
    )
    trainer.seeds = seeds  # checkpoints save their state
    return trainer
