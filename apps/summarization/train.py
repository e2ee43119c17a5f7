"""Trains a summarizer into a run directory."""

from dataclasses import asdict
from pathlib import Path

import keras
import tensorflow as tf

from apps.common.batches import PaddedBatches
from apps.common.files import replacing
from apps.common.optimizer import clipped_optimizer
from apps.common.runs import MODEL, open_run
from apps.common.text import END, PADDING_ID, UNKNOWN_ID
from apps.common.training import fit
from apps.common.vectors import GLOVE, vector_matrix
from apps.summarization.data import encode, load_data
from apps.summarization.model import build_model, log_probabilities

VECTOR_SCALE = 0.1  # the softmax shares the vectors, and GloVe's are long


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
    if settings.coverage_weight and not config.model.coverage:
        raise ValueError(
            "train.coverage_weight: needs model.coverage=true. "
            f"Received: {settings.coverage_weight:g} without it."
        )
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()  # a resumed run ends bit-equal
    data = load_data(config.data, ("train", "validation"))
    vectors = None
    if config.data.vectors == GLOVE:  # before anything is written: it may be refused
        vectors = vector_matrix(
            data.vocabulary.tokens, settings.seed, config.model.embedding_dim
        )
    data.vocabulary.save(directory / "vocabulary.txt")
    batches, validation = (
        PaddedBatches(encode(pairs, data.vocabulary, config.data), settings.batch_size)
        for pairs in (data.train, data.validation)
    )
    model = build_model(len(data.vocabulary), **asdict(config.model))
    if vectors is not None:
        model.get_layer("embedding").vectors.assign(VECTOR_SCALE * vectors)
    start = int(data.vocabulary.lookup(END))
    usual_tokens = sum(map(len, batches.columns["targets"])) / batches.steps
    trainer = Trainer(model, start, usual_tokens, settings.coverage_weight)
    trainer.compile(clipped_optimizer(settings, batches.steps), jit_compile=False)
    print(
        f"Training {model.count_params():,} parameters on "
        f"{len(data.train.documents):,} documents, {batches.steps:,} steps an epoch."
    )
    fit(
        trainer,
        directory,
        lambda epoch: batches.shuffled(settings.seed, epoch),
        batches.steps,
        validation.in_order(),
        validation.steps,
        epochs=settings.epochs,
        evaluations_per_epoch=settings.evaluations_per_epoch,
        patience=settings.patience,
        monitor="val_loss",
        mode="min",
    )
    with replacing(directory / MODEL) as aside:
        model.save(aside)


class Trainer(keras.Model):
    """Trains a model on the tokens that a summary can have.

    Args:
        model: What `build_model` returns.
        start: Id that stands before a summary.
        usual_tokens: Tokens of a batch, on average.
        coverage_weight: Weight of the penalty on attending twice to a place.
    """

    def __init__(self, model, start, usual_tokens, coverage_weight):
        super().__init__()
        self.model, self.start, self.usual_tokens = model, start, usual_tokens
        self.coverage_weight = coverage_weight
        self.mean_loss = keras.metrics.Mean("loss")
        self.built = True

    @property
    def metrics(self):
        """Returns what is reset at each epoch."""
        return [self.mean_loss]

    def train_step(self, batch):
        """Takes one step of the optimizer; returns loss and perplexity so far."""
        with tf.GradientTape() as tape:
            loss, penalty, tokens = self._loss(batch, training=True)
            # A batch that is not full counts for less.
            total = (loss + self.coverage_weight * penalty) * tokens / self.usual_tokens
        self._apply(tape.gradient(total, self.model.trainable_weights))
        return self._log(loss, tokens)

    @tf.function(jit_compile=True)
    def _apply(self, gradients):
        self.optimizer.apply(
            [tf.convert_to_tensor(gradient) for gradient in gradients],
            self.model.trainable_weights,
        )

    def test_step(self, batch):
        """Returns loss and perplexity so far."""
        loss, _, tokens = self._loss(batch, training=False)
        return self._log(loss, tokens)

    def _loss(self, batch, training):
        """Returns the mean loss of a token, the penalty, and the number of tokens.

        What is neither in the vocabulary nor in the document is not asked for.
        """
        targets = batch["targets"]
        before = tf.pad(targets[:, :-1], [[0, 0], [1, 0]], constant_values=self.start)
        size = self.model.get_layer("embedding").vocabulary_size
        before = tf.where(before < size, before, UNKNOWN_ID)
        outputs = self.model([batch["token_ids"], before], training=training)
        log_p = log_probabilities(outputs, batch["copy_ids"], targets)
        counts = (targets != PADDING_ID) & (targets != UNKNOWN_ID)
        counts = tf.cast(counts, "float32")
        tokens = tf.maximum(tf.reduce_sum(counts), 1.0)
        attention = outputs[-1]
        coverage = tf.cumsum(attention, axis=1, exclusive=True)
        twice = tf.reduce_sum(tf.minimum(attention, coverage), axis=-1)
        penalty = tf.reduce_sum(twice * counts) / tokens
        return -tf.reduce_sum(log_p * counts) / tokens, penalty, tokens

    def _log(self, loss, tokens):
        self.mean_loss.update_state(loss, sample_weight=tokens)
        mean = self.mean_loss.result()
        return {"loss": mean, "perplexity": tf.exp(mean)}
