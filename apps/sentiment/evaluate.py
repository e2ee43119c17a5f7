"""Measures a finished run on the reported split."""

import csv
import json
from functools import partial

import numpy as np

from apps.common.metrics.baseline import baseline_or_none
from apps.common.metrics.classification import label_intervals, measure
from apps.common.metrics.evaluation import evaluate_command, measure_once
from apps.common.metrics.plots import (
    plot_calibration,
    plot_confusion_matrix,
    plot_roc,
)
from apps.common.portable.files import atomic_write
from apps.common.portable.run_files import BAG_OF_WORDS
from apps.sentiment.baseline import measure_baseline
from apps.sentiment.data import load_data
from apps.sentiment.predict import Predictor

MISTAKES_KEPT = 100


def measure_test(predictor):
    """Returns the metrics, the number of test examples and their unit.

    Plots the confusion matrix, the ROC curve and the calibration; writes
    `mistakes.csv`.
    """
    directory, config = predictor.directory, predictor.config
    labels = predictor.labels
    test = load_data(config.data, ("test",), labels).test
    answers = predictor.answer_all(test.texts)
    probabilities = np.stack([answer["probabilities"] for answer in answers])
    targets = test.labels

    metrics = measure(targets, probabilities, labels)
    matrix = metrics["confusion_matrix"]
    plot_confusion_matrix(matrix, labels, directory / "confusion.png")
    plot_roc(targets, probabilities, labels, directory / "roc.png")
    plot_calibration(metrics["calibration"], directory / "calibration.png")
    _save_mistakes(test, probabilities, labels, directory / "mistakes.csv")
    metrics["intervals"] = label_intervals(
        targets, probabilities.argmax(axis=-1), len(labels)
    )
    metrics["baseline"] = baseline_or_none(
        lambda: measure_baseline(config.data, test, labels, predictor.vocabulary)
    )
    if metrics["baseline"]:
        accuracy = metrics["baseline"].pop("validation_accuracy")
        metrics["baseline_validation_accuracy"] = accuracy
        metrics["validation_accuracy"] = _compare_validation(predictor, accuracy)
    return metrics, len(targets), "examples"


evaluate = partial(measure_once, measure=measure_test, metric="accuracy")


def _compare_validation(predictor, baseline):
    """Returns the accuracy on the validation split; says so if TF-IDF's is higher.

    Args:
        predictor: The run's `Predictor`.
        baseline: Accuracy of the baseline on the validation split.
    """
    config = predictor.config
    if config.model.bag_of_words:  # whose weights have seen the split by now
        path = predictor.directory / BAG_OF_WORDS
        if not path.exists():  # a run of an earlier version
            return None
        accuracy = json.loads(path.read_text(encoding="utf-8"))["both"]
    else:
        split = load_data(config.data, ("validation",), predictor.labels).validation
        answers = predictor.answer_all(split.texts)
        predicted = [answer["probabilities"].argmax() for answer in answers]
        accuracy = float(np.mean(predicted == split.labels))
    if baseline > accuracy:
        print(
            f"TF-IDF with logistic regression is better than this model on the "
            f"validation split: accuracy {baseline:.4f}, the model's {accuracy:.4f}."
        )
        if not config.model.bag_of_words:
            print("Train with model.bag_of_words=true, which adds it to the model.")
    return accuracy


def _save_mistakes(test, probabilities, labels, path):
    texts, targets = test.texts, test.labels
    confidence, predicted = probabilities.max(axis=-1), probabilities.argmax(axis=-1)
    wrong = np.flatnonzero(predicted != targets)
    wrong = wrong[np.argsort(-confidence[wrong])][:MISTAKES_KEPT]
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["probability", "predicted", "label", "text"])
        for n in wrong:
            text = texts[n].decode("utf-8", "replace")
            row = [
                f"{confidence[n]:.4f}",
                labels[predicted[n]],
                labels[targets[n]],
                text,
            ]
            writer.writerow(row)


if __name__ == "__main__":
    evaluate_command(evaluate, Predictor)
