"""Labels and metrics of classifiers, compared with values computed by hand."""

import json

import numpy as np
import pytest
import tensorflow as tf

from apps.common.metrics import classification
from apps.common.metrics.classification import (
    calibration,
    label_intervals,
    loss_and_accuracy,
    measure,
)
from experiments.closing import weak_labels


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


def test_the_calibration_error_is_that_by_hand():
    # Bins of width 1/15: 0.95 twice in the last, 0.55 and 0.62 in one each.
    found = calibration([0.95, 0.55, 0.95, 0.62], [1, 1, 0, 1])
    assert found["error"] == pytest.approx((2 * 0.45 + 0.45 + 0.38) / 4)
    assert found["bins"] == [
        {"confidence": 0.55, "accuracy": 1.0, "examples": 1},
        {"confidence": 0.62, "accuracy": 1.0, "examples": 1},
        {"confidence": pytest.approx(0.95), "accuracy": 0.5, "examples": 2},
    ]
    assert json.dumps(found)


def test_confidences_of_0_and_1_and_beyond_by_rounding_have_a_bin():
    found = calibration([0.0, 1.0, 1.0000001], [False, True, True])
    assert [row["examples"] for row in found["bins"]] == [1, 2]
    assert found["error"] == pytest.approx(0, abs=1e-6)


def test_a_classifier_is_calibrated_by_its_highest_probability():
    probabilities = np.array([[0.8, 0.2, 0.0], [0.4, 0.5, 0.1]])
    metrics = measure(np.array([0, 0]), probabilities, ["a", "b", "c"])
    assert metrics["calibration"]["error"] == pytest.approx((0.2 + 0.5) / 2)


def test_a_resample_is_measured_as_the_whole(monkeypatch):
    """The interval's fast F1 is scikit-learn's, also of a label that never occurs."""
    monkeypatch.setattr(
        classification, "intervals", lambda metrics, n: metrics(np.arange(n))
    )
    rng = np.random.default_rng(3)
    targets, probabilities = rng.integers(0, 3, 50), rng.dirichlet(np.ones(4), 50)
    metrics = measure(targets, probabilities, list("abcd"))
    found = label_intervals(targets, probabilities.argmax(axis=-1), 4)
    assert found == pytest.approx({name: metrics[name] for name in ("accuracy", "f1")})


def test_the_interval_holds_the_metric():
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 2, 300)
    predicted = np.where(rng.random(300) < 0.8, targets, 1 - targets)
    low, high = label_intervals(targets, predicted, 2)["f1"]
    assert low < np.mean(targets == predicted) < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / 300), rel=0.2)


def test_weak_labels_are_far_below_the_mean_and_have_examples():
    rows = {"a": 0.9, "b": 0.55, "c": 0.72, "d": 0.0, "e": 0.3}
    by_label = {name: {"f1": f1, "examples": name != "d"} for name, f1 in rows.items()}
    weak = weak_labels({"f1": 0.7, "by_label": by_label})
    assert list(weak.items()) == [("e", 0.3), ("b", 0.55)]
