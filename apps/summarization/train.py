"""Trains a summarizer."""

from dataclasses import asdict
from functools import partial

import tensorflow as tf

from apps.common.data.batches import PaddedBatches
from apps.common.data.vectors import pretrained_vectors
from apps.common.portable.patterns import END, PADDING_ID, UNKNOWN_ID
from apps.common.training.job import Job, train_run
from apps.common.training.optimizer import clipped_optimizer
from apps.common.training.trainer import Trainer
from apps.summarization.config import MONITOR
from apps.summarization.data import encode, load_data
from apps.summarization.model import build_model, log_probabilities

VECTOR_SCALE = 0.1  # on GloVe's vectors, which are long for a shared softmax


def prepare(config, run):
    """Returns the `Job` of a `Config`; writes the vocabulary to the run."""
    settings = config.train
    data = load_data(config.data, ("train", "validation"))
    vectors = pretrained_vectors(data.vocabulary, config)
    run.save_names(data.vocabulary)
    batches, validation = (
        PaddedBatches(encode(pairs, data.vocabulary, config.data), settings.batch_size)
        for pairs in (data.train, data.validation)
    )
    with run.strategy.scope():
        model = build_model(len(data.vocabulary), **asdict(config.model))
        if vectors is not None:
            model.get_layer("embedding").vectors.assign(VECTOR_SCALE * vectors)
        adamw = clipped_optimizer(settings, batches.steps)
    start = int(data.vocabulary.lookup(END))
    loss_divisor = sum(map(len, batches.columns["targets"])) / batches.steps
    trainer = trainer_of(
        *(run.strategy, model, adamw, start, loss_divisor), settings.coverage_weight
    )
    return Job(
        trainer,
        batches,
        validation,
        f"{len(data.train.documents):,} documents",
        **MONITOR,
    )


train = partial(train_run, prepare=prepare)


def trainer_of(strategy, model, optimizer, start, loss_divisor, coverage_weight):
    """Returns a `Trainer` that minimizes loss and weighted coverage loss per token.

    A summary follows the token id `start`; `loss_divisor` is the mean number of target
    tokens of a batch, by which the summed losses are divided.
    """

    def loss_fn(batch, training):
        loss, coverage_loss, tokens = losses(model, batch, start, training)
        objective = (loss + coverage_weight * coverage_loss) / loss_divisor
        return objective, {"loss": (loss, tokens)}

    return Trainer(strategy, model, optimizer, loss_fn, ["loss"], perplexity=True)


def losses(model, batch, start, training):
    """Returns the loss and the coverage loss of a batch, summed, and its token count.

    Targets that are neither in the vocabulary nor in the document are masked. The
    coverage loss penalizes repeated attention to a token (See, Liu and Manning 2017).

    Args:
        model: Model of `build_model`.
        batch: Batch of the columns that `encode` returns.
        start: Token id that precedes a summary.
        training: Whether dropout is active.

    Returns:
        Three scalars.
    """
    targets = batch["targets"]
    decoder_inputs = tf.pad(targets[:, :-1], [[0, 0], [1, 0]], constant_values=start)
    size = model.get_layer("embedding").vocabulary_size
    decoder_inputs = tf.where(decoder_inputs < size, decoder_inputs, UNKNOWN_ID)
    outputs = model([batch["token_ids"], decoder_inputs], training=training)
    log_p = log_probabilities(outputs, batch["copy_ids"], targets)
    counts = (targets != PADDING_ID) & (targets != UNKNOWN_ID)
    counts = tf.cast(counts, "float32")
    attention = outputs[-1]
    coverage = tf.cumsum(attention, axis=1, exclusive=True)
    repeated = tf.reduce_sum(tf.minimum(attention, coverage), axis=-1)
    loss = -tf.reduce_sum(log_p * counts)
    return loss, tf.reduce_sum(repeated * counts), tf.reduce_sum(counts)
