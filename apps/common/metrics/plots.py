"""Plots of a run: learning curve, confusion matrix, ROC curves and calibration."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay, roc_curve

from apps.common.portable.files import atomic_write


def save_figure(figure, path):
    """Writes a figure with the constrained layout as PNG and closes it.

    That layout leaves no margin, so that to measure what is drawn, which takes a
    quarter of the time (`bbox_inches="tight"`), would change nothing.
    """
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    plt.close(figure)


def plot_learning_curve(history, metric, path):
    """Draws loss and one metric over epochs, for training and validation.

    Args:
        history: Rows as `read_history` returns them.
        metric: A metric's name, such as "accuracy".
        path: PNG file.
    """
    epochs = [row["epoch"] for row in history]
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for panel, name in zip(panels, ("loss", metric), strict=True):
        panel.plot(epochs, [row[name] for row in history], "o-", label="training")
        panel.plot(
            epochs, [row[f"val_{name}"] for row in history], "o-", label="validation"
        )
        panel.set(xlabel="epoch", ylabel=name.replace("_", " "))
        panel.grid(alpha=0.3)
        panel.legend()
    save_figure(figure, path)


def plot_confusion_matrix(matrix, labels, path):
    """Draws a confusion matrix; rows are true labels, columns predicted ones."""
    size = 3 + 0.5 * len(labels)
    figure, axes = plt.subplots(figsize=(size, size), layout="constrained")
    display = ConfusionMatrixDisplay(np.asarray(matrix), display_labels=labels)
    display.plot(ax=axes, cmap="Blues", colorbar=False, xticks_rotation=45)
    save_figure(figure, path)


def plot_roc(targets, probabilities, labels, path):
    """Draws the receiver operating characteristic of each label against all others.

    Of two labels, only the second has a curve.

    Args:
        targets: Label ids, `(examples,)`.
        probabilities: `(examples, labels)`.
        labels: Names of the labels.
        path: PNG file.
    """
    figure, axes = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
    for index in [1] if len(labels) == 2 else range(len(labels)):
        if 0 < np.sum(targets == index) < len(targets):
            false_rate, true_rate, _ = roc_curve(
                targets == index, probabilities[:, index]
            )
            axes.plot(false_rate, true_rate, label=labels[index])
    axes.plot([0, 1], [0, 1], "--", color="gray", label="chance")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.legend()
    save_figure(figure, path)


def plot_calibration(calibration, path):
    """Draws a reliability diagram: accuracy over confidence, and the examples of each.

    Args:
        calibration: What `calibration` in `classification.py` returns.
        path: PNG file.
    """
    rows = calibration["bins"]
    confidence = [row["confidence"] for row in rows]
    figure, (axes, counts) = plt.subplots(
        2, figsize=(4.5, 5.5), layout="constrained", sharex=True, height_ratios=(3, 1)
    )
    axes.plot([0, 1], [0, 1], "--", color="gray", label="calibrated")
    axes.plot(confidence, [row["accuracy"] for row in rows], "o-", label="model")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), ylabel="accuracy")
    axes.set(title=f"expected calibration error {calibration['error']:.3f}")
    axes.legend()
    counts.bar(confidence, [row["examples"] for row in rows], width=0.03)
    counts.set(xlabel="confidence", ylabel="examples")
    save_figure(figure, path)
