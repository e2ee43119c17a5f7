"""Trains a reader into a run directory."""

from dataclasses import asdict
from pathlib import Path

import keras
import tensorflow as tf

from apps.common.classification import save_labels
from apps.common.files import replacing
from apps.common.optimizer import clipped_optimizer
from apps.common.runs import MODEL, open_run
from apps.common.training import fit
from apps.common.vectors import GLOVE, vector_matrix
from apps.question_answering.data import batches_of, encode, for_fit, load_data
from apps.question_answering.model import build_model


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
    if data.labels:
        save_labels(data.labels, directory / "labels.txt")
    batches, validation = (
        batches_of(
            encode(examples, data.vocabulary, data.labels, config.data),
            settings.batch_size,
        )
        for examples in (data.train, data.validation)
    )
    model = build_model(
        len(data.vocabulary),
        data.trained_tokens,
        len(data.labels),
        **asdict(config.model),
    )
    if vectors is not None:
        model.get_layer("embedding").assign(vectors)
    trainer = keras.Model(model.inputs, model.outputs[0])
    trainer.compile(
        clipped_optimizer(settings, batches.steps),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["accuracy"],
        jit_compile=False,  # lengths differ: XLA would compile each of their shapes
    )
    print(
        f"Training {model.count_params():,} parameters on {len(batches.shapes):,} "
        f"questions, {batches.steps:,} steps an epoch."
    )
    fit(
        trainer,
        directory,
        lambda epoch: for_fit(batches.shuffled(settings.seed, epoch)),
        batches.steps,
        for_fit(validation.in_order()),
        validation.steps,
        epochs=settings.epochs,
        evaluations_per_epoch=settings.evaluations_per_epoch,
        patience=settings.patience,
    )
    with replacing(directory / MODEL) as aside:
        model.save(aside)
