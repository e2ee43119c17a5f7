"""Loss and accuracy of classifiers in training, and metrics of their predictions."""

import numpy as np
import tensorflow as tf
from sklearn import metrics as sk


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
        by_label (precision, recall, f1, examples) and confusion_matrix (rows are true
        labels, columns predicted ones).
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
    }
