"""Trains a language model into a run directory."""

from dataclasses import asdict
from pathlib import Path

import keras
import tensorflow as tf

from apps.common.embedding import cross_entropy
from apps.common.files import replacing
from apps.common.optimizer import clipped_optimizer
from apps.common.runs import MODEL, open_run
from apps.common.training import fit
from apps.language_modeling.data import Windows, load_data
from apps.language_modeling.model import build_model, zero_state


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
    data.vocabulary.save(directory / "vocabulary.txt")
    windows = Windows(data.train, settings.batch_size, settings.window)
    validation = Windows.for_validation(
        data.validation, settings.batch_size, settings.window
    )
    model = build_model(len(data.vocabulary), **asdict(config.model))
    streams = {"train": len(windows.streams), "test": len(validation.streams)}
    trainer = Trainer(model, streams, settings.window)
    trainer.compile(clipped_optimizer(settings, windows.steps), jit_compile=False)
    print(
        f"Training {model.count_params():,} parameters on {len(data.train):,} tokens, "
        f"{len(data.vocabulary):,} of them different, {windows.steps:,} steps an epoch."
    )
    fit(
        trainer,
        directory,
        lambda epoch: windows.shuffled(settings.seed, epoch),
        windows.steps,
        validation.in_order(),
        validation.steps_in_order,
        epochs=settings.epochs,
        evaluations_per_epoch=settings.evaluations_per_epoch,
        patience=settings.patience,
        monitor="val_loss",
        mode="min",
    )
    with replacing(directory / MODEL) as aside:
        model.save(aside)


class Trainer(keras.Model):
    """Trains a model whose state is carried from window to window.

    The carried states are variables here, so that a checkpoint holds them; the model
    itself takes its state as input and keeps none.

    Args:
        model: What `build_model` returns.
        streams: Number of streams read side by side in "train" and in "test".
        window: Mean timesteps of a window; a longer one counts for more.
    """

    def __init__(self, model, streams, window):
        super().__init__()
        self.model, self.window = model, window
        self.carried = {
            split: [
                keras.Variable(state, trainable=False, name=f"{split}_{number}")
                for number, state in enumerate(zero_state(model, count))
            ]
            for split, count in streams.items()
        }
        self.mean_loss = keras.metrics.Mean("loss")
        self.built = True

    @property
    def metrics(self):
        """Returns what is reset at each epoch."""
        return [self.mean_loss]

    def train_step(self, data):
        """Takes one step of the optimizer; returns loss and perplexity so far."""
        with tf.GradientTape() as tape:
            loss, tokens = self._loss(data, training=True)
            # Penalties included; a gradient is in proportion to the window's length.
            total = (loss + sum(self.model.losses)) * tokens / self.window
        self._apply(tape.gradient(total, self.model.trainable_weights))
        return self._log(loss, tokens)

    @tf.function(jit_compile=True)
    def _apply(self, gradients):
        self.optimizer.apply(
            [tf.convert_to_tensor(gradient) for gradient in gradients],
            self.model.trainable_weights,
        )

    def test_step(self, data):
        """Returns loss and perplexity so far."""
        return self._log(*self._loss(data, training=False))

    def _loss(self, data, training):
        inputs, targets = data
        carried = self.carried["train" if training else "test"]
        state = [tf.where(inputs["first"], 0.0, variable.value) for variable in carried]
        logits, *state = self.model([inputs["token_ids"], *state], training=training)
        for variable, value in zip(carried, state, strict=True):
            variable.assign(value)
        rows = tf.reshape(logits, [-1, logits.shape[-1]])
        loss = tf.reduce_mean(cross_entropy(rows, tf.reshape(targets, [-1])))
        return loss, tf.cast(tf.shape(targets)[1], "float32")

    def _log(self, loss, tokens):
        self.mean_loss.update_state(loss, sample_weight=tokens)
        mean = self.mean_loss.result()
        return {"loss": mean, "perplexity": tf.exp(mean)}
