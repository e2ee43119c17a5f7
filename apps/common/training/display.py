"""Shows a training: a line that moves on a terminal, and a line for each evaluation."""

import time

import keras

from apps.common.portable.progress import Progress, duration


class Display(keras.callbacks.Callback):
    """Prints each part of an epoch in one line, with its time and its metrics.

    Args:
        parts: Number of evaluations per epoch.
    """

    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def on_epoch_begin(self, epoch, logs=None):
        """Begins the line that moves."""
        epochs = self.params["epochs"] / self.parts
        self.name = f"Epoch {(epoch + 1) / self.parts:.3g} of {epochs:g}"
        self.began = self.trained = time.monotonic()
        self.bar = Progress(self.params["steps"], "step", self.name)

    def on_train_batch_end(self, batch, logs=None):
        """Moves the line; reads the metrics, for which it waits, only to show them."""
        if self.bar.is_due:
            self.bar.show(batch + 1, _values(logs))

    def on_test_begin(self, logs=None):
        """Notes when the last step ended."""
        self.trained = time.monotonic()
        self.bar.show(self.params["steps"], "evaluating")

    def on_epoch_end(self, epoch, logs=None):
        """Prints the line that stays."""
        steps, now = self.params["steps"], time.monotonic()
        step_ms = 1000 * (self.trained - self.began) / steps
        self.bar.close(
            f"{self.name}: {steps:,} steps of {step_ms:.0f} ms, "
            f"{duration(now - self.began)} with evaluation: {_values(logs)}"
        )


def _values(logs):
    return ", ".join(f"{name} {float(value):.4f}" for name, value in logs.items())
