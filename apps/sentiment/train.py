"""Trains a sentiment model into a run directory."""

from dataclasses import asdict
from pathlib import Path

import keras
import tensorflow as tf

from apps.common.classification import save_labels
from apps.common.files import replacing
from apps.common.optimizer import optimizer
from apps.common.runs import MODEL, open_run
from apps.common.training import fit
from apps.common.vectors import GLOVE, vector_matrix
from apps.sentiment.data import Batches, load_data
from apps.sentiment.model import build_model


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
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()  # a resumed run ends bit-equal
    data = load_data(config.data, ("train", "validation"))
    vectors = None
    if config.data.vectors == GLOVE:  # before anything is written: it may be refused
        vectors = vector_matrix(
            data.vocabulary.tokens, settings.seed, config.model.embedding_dim
        )
    data.vocabulary.save(directory / "vocabulary.txt")
    save_labels(data.labels, directory / "labels.txt")

    shape = (data.vocabulary, config.data.max_length, settings.batch_size)
    batches = Batches(data.train, *shape)
    model = build_model(
        len(data.vocabulary),
        len(data.labels),
        data.trained_tokens,
        **asdict(config.model),
    )
    if vectors is not None:
        model.get_layer("embedding").assign(vectors)
    model.compile(
        optimizer(settings, batches.steps),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # lengths differ: XLA would compile each of their shapes
    )
    print(
        f"Training {model.count_params():,} parameters on {len(data.train.texts):,} "
        f"texts, {batches.steps:,} steps an epoch."
    )
    validation = Batches(data.validation, *shape)
    fit(
        model,
        directory,
        lambda epoch: batches.shuffled(settings.seed, epoch),
        batches.steps,
        validation.in_order(),
        validation.steps,
        epochs=settings.epochs,
        evaluations_per_epoch=settings.evaluations_per_epoch,
        patience=settings.patience,
    )
    trained = keras.Model(model.inputs, model.outputs)  # without the optimizer
    with replacing(directory / MODEL) as aside:
        trained.save(aside)
