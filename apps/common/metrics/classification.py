"""Loss and accuracy of classifiers in training, and metrics of their predictions."""

import numpy as np
import tensorflow as tf
from sklearn import metrics as sk

from apps.common.metrics.bootstrap import intervals

CALIBRATION_BINS = 15  # as in Guo et al. 2017


def loss_and_accuracy(logits, labels, weights):
    """Returns the summed loss and the number of correct labels, each with its weight.

    Args:
        logits: `(batch, ..., labels)`.
        labels: Label ids, `(batch, ...)`.
        weights: 1 where a label counts, 0 for padding, `(batch, ...)`.
    """
    weights = tf.cast(weights, "float32")
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    correct = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
    return {
        "loss": (tf.reduce_sum(losses * weights), tf.reduce_sum(weights)),
        "accuracy": (
            tf.reduce_sum(tf.cast(correct, "float32") * weights),
            tf.reduce_sum(weights),
        ),
    }


def measure(targets, probabilities, labels):
    """Computes the metrics of a classifier's predictions.

    Args:
        targets: Label ids, `(examples,)`.
        probabilities: `(examples, labels)`, each row summing to 1.
        labels: Names of the labels.

    Returns:
        accuracy, f1 (mean over labels), roc_auc (None unless every label occurs),
        by_label (precision, recall, f1, examples), confusion_matrix (rows are true
        labels, columns predicted ones) and calibration.
    """
    ids = range(len(labels))
    predicted = probabilities.argmax(axis=-1)
    precision, recall, f1, count = sk.precision_recall_fscore_support(
        targets, predicted, labels=ids, zero_division=0
    )
    roc_auc = None
    if len(np.unique(targets)) == len(labels):
        scores = probabilities[:, 1] if len(labels) == 2 else probabilities
        roc_auc = float(sk.roc_auc_score(targets, scores, multi_class="ovr"))
    return {
        "accuracy": float(sk.accuracy_score(targets, predicted)),
        "f1": float(f1.mean()),
        "roc_auc": roc_auc,
        "by_label": {
            label: {
                "precision": float(precision[n]),
                "recall": float(recall[n]),
                "f1": float(f1[n]),
                "examples": int(count[n]),
            }
            for n, label in enumerate(labels)
        },
        "confusion_matrix": sk.confusion_matrix(
            targets, predicted, labels=ids
        ).tolist(),
        "calibration": calibration(probabilities.max(axis=-1), predicted == targets),
    }


def label_intervals(targets, predicted, num_labels):
    """Returns the 95% confidence intervals of accuracy and F1; see `intervals`.

    Args:
        targets: Label ids, `(examples,)`.
        predicted: Predicted label ids, `(examples,)`.
        num_labels: Number of labels.
    """
    cells = np.asarray(targets) * num_labels + predicted

    def metrics(index):
        matrix = np.bincount(cells[index], minlength=num_labels**2)
        matrix = matrix.reshape(num_labels, num_labels)
        right, both = np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1)
        f1 = 2 * right / np.maximum(both, 1)
        return {"accuracy": right.sum() / len(index), "f1": f1.mean()}

    return intervals(metrics, len(cells))


def calibration(confidence, right):
    """Returns the expected calibration error and its bins.

    The error is the mean distance of confidence and accuracy over bins of equal width,
    weighted by their examples. Source: Guo et al. 2017, "On calibration of modern
    neural networks".

    Args:
        confidence: Probability of each predicted label, `(examples,)`.
        right: Whether each prediction is right, `(examples,)`.

    Returns:
        A dictionary: `error`; and `bins`, the confidence (mean), accuracy and number of
        examples of each bin that has any, by rising confidence.
    """
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    number = np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1
    number = np.clip(number, 0, CALIBRATION_BINS - 1)
    bins = [
        {
            "confidence": float(confidence[number == n].mean()),
            "accuracy": float(right[number == n].mean()),
            "examples": int(np.sum(number == n)),
        }
        for n in np.unique(number)
    ]
    distances = [abs(row["confidence"] - row["accuracy"]) for row in bins]
    weights = [row["examples"] for row in bins]
    return {"error": float(np.average(distances, weights=weights)), "bins": bins}
