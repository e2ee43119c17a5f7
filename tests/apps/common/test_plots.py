"""Plots are PNG files, whatever the labels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from apps.common.plots import plot_confusion_matrix, plot_learning_curve, plot_roc


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "plot.png"
    yield path
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["plot.png"]
    assert plt.get_fignums() == []


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_learning_curve_is_drawn(epochs, path):
    row = {"loss": 0.5, "accuracy": 0.7, "val_loss": 0.6, "val_accuracy": 0.6}
    history = [{"epoch": n + 1.0, **row} for n in range(epochs)]
    plot_learning_curve(history, "accuracy", path)


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "_c"], ["1 $", "2 $"]])
def test_a_confusion_matrix_and_a_roc_are_drawn(labels, path):
    size = len(labels)
    plot_confusion_matrix(np.eye(size, dtype=int).tolist(), labels, path)
    targets = np.arange(2 * size) % size
    probabilities = np.random.default_rng(3).dirichlet(np.ones(size), 2 * size)
    plot_roc(targets, probabilities, labels, path)


def test_a_label_without_an_example_has_no_curve(path):
    probabilities = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]])
    plot_roc(np.array([0, 1]), probabilities, ["a", "b", "c"], path)


@pytest.mark.filterwarnings("default:unclosed")
def test_a_test_split_of_one_label_is_drawn_without_a_warning(tmp_path):
    probabilities = np.array([[0.7, 0.3], [0.3, 0.7]])
    try:
        plot_roc(np.array([1, 1]), probabilities, ["no", "yes"], tmp_path / "plot.png")
    finally:
        plt.close("all")
