"""Plots are PNG files that show their data, with any labels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from apps.common.metrics import plots
from apps.common.metrics.plots import (
    plot_calibration,
    plot_confusion_matrix,
    plot_learning_curve,
    plot_roc,
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "plot.png"
    yield path
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["plot.png"]
    assert plt.get_fignums() == []


@pytest.fixture
def drawn(monkeypatch):
    """Records the figures that are written."""
    figures, save = [], plots.save_figure

    def record(figure, path):
        figures.append(figure)
        save(figure, path)

    monkeypatch.setattr(plots, "save_figure", record)
    return figures


def curves(axes):
    """Returns the points of each curve, by its name in the legend."""
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_learning_curve_has_loss_and_metric_of_both_splits(epochs, path, drawn):
    history = [
        {
            "epoch": n + 1.0,
            "loss": 0.5 - n / 10,
            "top_k": 0.7,
            "val_loss": 0.6 + n / 10,
            "val_top_k": 0.5,
        }
        for n in range(epochs)
    ]
    plot_learning_curve(history, "top_k", path)
    loss, metric = drawn[0].axes
    assert [panel.get_ylabel() for panel in (loss, metric)] == ["loss", "top k"]
    assert curves(loss) == {
        "training": [[row["epoch"], row["loss"]] for row in history],
        "validation": [[row["epoch"], row["val_loss"]] for row in history],
    }
    assert curves(metric)["validation"] == [[row["epoch"], 0.5] for row in history]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        *("training", "validation")
    ]


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "_c"], ["1 $", "2 $"]])
def test_a_confusion_matrix_has_its_numbers_and_labels(labels, path, drawn):
    size = len(labels)
    matrix = np.arange(size * size).reshape(size, size)
    plot_confusion_matrix(matrix.tolist(), labels, path)
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.texts] == list(map(str, matrix.ravel()))
    for ticks, name in (
        (axes.get_yticklabels(), axes.get_ylabel()),
        (axes.get_xticklabels(), axes.get_xlabel()),
    ):
        assert [tick.get_text() for tick in ticks] == labels, name
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("True label", "Predicted label")


def test_of_two_labels_the_second_has_a_curve(path, drawn):
    targets, p = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])
    plot_roc(targets, np.stack([1 - p, p], axis=1), ["no", "yes"], path)
    points = curves(drawn[0].axes[0])
    assert set(points) == {"yes", "chance"}
    assert points["yes"] == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]


@pytest.mark.parametrize("labels", [["a", "b", "_c"], ["1 $", "2 $", "3"]])
def test_of_more_labels_each_has_a_curve(labels, path, drawn):
    targets = np.arange(6) % 3
    plot_roc(targets, np.eye(3)[targets], labels, path)
    points = curves(drawn[0].axes[0])
    assert set(points) == {*labels, "chance"}
    assert all(points[label] == [[0, 0], [0, 1], [1, 1]] for label in labels)


def test_a_label_without_an_example_has_no_curve(path, drawn):
    probabilities = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]])
    plot_roc(np.array([0, 1]), probabilities, ["a", "b", "c"], path)
    assert set(curves(drawn[0].axes[0])) == {"a", "b", "chance"}


def test_a_test_split_of_one_label_is_drawn_without_a_warning(path, drawn):
    probabilities = np.array([[0.7, 0.3], [0.3, 0.7]])
    plot_roc(np.array([1, 1]), probabilities, ["no", "yes"], path)
    assert set(curves(drawn[0].axes[0])) == {"chance"}


def test_a_reliability_diagram_has_accuracy_over_confidence(path, drawn):
    rows = [
        {"confidence": 0.5, "accuracy": 0.25, "examples": 4},
        {"confidence": 0.875, "accuracy": 1.0, "examples": 2},
    ]
    plot_calibration({"error": 0.2083, "bins": rows}, path)
    axes, counts = drawn[0].axes
    assert curves(axes)["model"] == [[0.5, 0.25], [0.875, 1.0]]
    assert curves(axes)["calibrated"] == [[0, 0], [1, 1]]
    assert [bar.get_height() for bar in counts.patches] == [4, 2]
    assert "0.208" in axes.get_title()
