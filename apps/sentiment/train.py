"""Trains a sentiment model into a run directory."""

from dataclasses import asdict

import keras
import tensorflow as tf

from apps.common.classification import loss_and_accuracy, save_labels
from apps.common.encoder import load_encoder, pretrained_vocabulary
from apps.common.optimizer import optimizer
from apps.common.runs import open_run
from apps.common.text import PADDING_ID
from apps.common.trainer import Trainer
from apps.common.training import fit
from apps.common.vectors import GLOVE, vector_matrix
from apps.sentiment.data import batches_of, encode, load_data
from apps.sentiment.model import build_model


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
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()  # a resumed run ends bit-equal
    model_settings = asdict(config.model)
    pretrained, vocabulary = model_settings.pop("pretrained"), None
    if pretrained:
        _check_pretrained(config)
        vocabulary = pretrained_vocabulary(pretrained)
    data = load_data(config.data, ("train", "validation"), vocabulary=vocabulary)
    vectors = None
    if config.data.vectors == GLOVE:  # before anything is written: it may be refused
        vectors = vector_matrix(
            data.vocabulary.tokens, settings.seed, config.model.embedding_dim
        )
    if run.chief:
        data.vocabulary.save(directory / "vocabulary.txt")
        save_labels(data.labels, directory / "labels.txt")
    batches, validation = (
        batches_of(
            encode(examples, data.vocabulary, config.data.max_length),
            settings.batch_size,
            config.data.max_length,
        )
        for examples in (data.train, data.validation)
    )
    with run.strategy.scope():
        model = build_model(
            len(data.vocabulary),
            len(data.labels),
            data.trained_tokens,
            **model_settings,
        )
        if pretrained:
            load_encoder(model, pretrained)
        if vectors is not None:
            model.get_layer("embedding").assign(vectors)
        adamw = optimizer(settings, batches.steps)
    print(
        f"Training {model.count_params():,} parameters on {len(data.train.texts):,} "
        f"texts, {batches.steps:,} steps an epoch."
    )
    fit(
        trainer_of(run.strategy, model, adamw, settings.batch_size),
        directory,
        lambda epoch, shard: batches.shuffled(settings.seed, epoch, shard),
        batches.steps,
        validation.in_order,
        validation.steps,
        epochs=settings.epochs,
        evaluations_per_epoch=settings.evaluations_per_epoch,
        patience=settings.patience,
        strategy=run.strategy,
    )
    run.save(model)


def _check_pretrained(config):
    if config.model.direction != "forward":
        raise ValueError(
            "model.pretrained: a language model reads forward. Take "
            f"model.direction=forward. Received: {config.model.direction}."
        )
    if config.data.vectors == GLOVE or config.data.vector_words:
        raise ValueError(
            "data.vectors: words and vectors are those of model.pretrained. Take "
            "data.vectors=random data.vector_words=0. Received: "
            f"{config.data.vectors} and {config.data.vector_words}."
        )


def trainer_of(strategy, model, optimizer, batch_size):
    """Returns a `Trainer`, for batches as `batches_of` makes them.

    Args:
        strategy: A `tf.distribute.Strategy`.
        model: What `build_model` returns, made in its scope.
        optimizer: Its optimizer, made there too.
        batch_size: Texts of a full batch; one that is not full counts for less.
    """

    def sums(batch, training):
        token_ids = batch["token_ids"]
        logits = model(token_ids, training=training)
        is_text = token_ids[:, 0] != PADDING_ID
        reported = loss_and_accuracy(logits, batch["labels"], is_text)
        return reported["loss"][0] / batch_size, reported

    return Trainer(strategy, model, optimizer, sums)
