"""Labels and metrics of classifiers, compared with values computed by hand."""

import json

import numpy as np
import pytest
import tensorflow as tf

from apps.common.metrics.classification import loss_and_accuracy, measure


@pytest.mark.parametrize("shape", [(5,), (5, 2)])
def test_loss_and_accuracy_are_sums_over_what_is_not_padding(shape):
    rng = np.random.default_rng(6)
    logits = rng.normal(size=(*shape, 3)).astype("float32")
    labels = logits.argmax(axis=-1).astype("int32")
    labels[2] = (labels[2] + 1) % 3  # a wrong one
    weights = np.ones(shape, "float32")
    weights[3:] = labels[3:] = 0
    sums = loss_and_accuracy(logits, tf.constant(labels), weights)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    losses = -np.log(np.take_along_axis(p, labels[..., np.newaxis], axis=-1))[..., 0]
    rows = weights.size // 5
    assert [float(x) for x in sums["accuracy"]] == [2 * rows, 3 * rows]
    assert float(sums["loss"][1]) == 3 * rows
    assert float(sums["loss"][0]) == pytest.approx(losses[:3].sum(), rel=1e-5)


def test_two_classes_are_measured_as_by_hand():
    # By decreasing probability of the second label, the targets are 1 0 1 0 0.
    second = np.array([0.9, 0.8, 0.6, 0.4, 0.3])
    targets = np.array([1, 0, 1, 0, 0])
    metrics = measure(targets, np.stack([1 - second, second], axis=1), ["no", "yes"])
    assert metrics["confusion_matrix"] == [[2, 1], [0, 2]]
    assert metrics["accuracy"] == pytest.approx(4 / 5)
    no = {"precision": 1, "recall": 2 / 3, "f1": 0.8, "examples": 3}
    yes = {"precision": 2 / 3, "recall": 1, "f1": 0.8, "examples": 2}
    assert list(metrics["by_label"]) == ["no", "yes"]
    assert metrics["by_label"]["no"] == pytest.approx(no)
    assert metrics["by_label"]["yes"] == pytest.approx(yes)
    assert metrics["f1"] == pytest.approx(0.8)
    assert metrics["roc_auc"] == pytest.approx(5 / 6)  # 5 of the 6 pairs are in order


def test_three_classes_are_measured_as_by_hand():
    probabilities = np.array(
        [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.2, 0.6, 0.2], [0.5, 0.3, 0.2]]
    )
    metrics = measure(np.array([0, 0, 1, 2]), probabilities, ["a", "b", "c"])
    assert metrics["confusion_matrix"] == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert metrics["accuracy"] == pytest.approx(2 / 4)
    f1 = {label: row["f1"] for label, row in metrics["by_label"].items()}
    assert f1 == pytest.approx({"a": 1 / 2, "b": 2 / 3, "c": 0})
    assert metrics["f1"] == pytest.approx((1 / 2 + 2 / 3) / 3)
    # Pairs in order, one label against the rest: a 3 of 4, b 3 of 3, c 2.5 of 3.
    assert metrics["roc_auc"] == pytest.approx((3 / 4 + 1 + 2.5 / 3) / 3)


@pytest.mark.parametrize("targets", [[1, 1], [0, 1]])
def test_without_an_example_of_a_label_there_is_no_roc_auc(targets):
    probabilities = np.array([[0.1, 0.7, 0.2], [0.2, 0.5, 0.3]])
    metrics = measure(np.array(targets), probabilities, ["a", "b", "c"])
    assert metrics["roc_auc"] is None
    empty = {"precision": 0, "recall": 0, "f1": 0, "examples": 0}
    assert metrics["by_label"]["c"] == empty
    assert np.sum(metrics["confusion_matrix"]) == 2
    assert json.dumps(metrics)
