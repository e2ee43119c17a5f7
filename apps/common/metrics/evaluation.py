"""Measures a finished run once and stores its metrics."""

import argparse
import json

from apps.common.finished import metrics_already, read_history
from apps.common.metrics.plots import plot_learning_curve
from apps.common.portable.files import write_json
from apps.common.portable.run_files import LEARNING_CURVE, METRICS
from apps.common.portable.terminal import report_errors


def measure_once(predictor, measure, metric):
    """Measures a run on its test split and writes `metrics.json`.

    If the file exists, returns its metrics: each run reads the test split once.

    Args:
        predictor: The run's `Predictor`.
        measure: The app's function from a predictor to three values: a dictionary of
            metrics, the number of test examples, and the name of an example, such as
            "tokens". Among the metrics are `intervals`, by metric, and `baseline`, its
            name and metrics, or None. It also draws the app's plots.
        metric: Metric of the learning curve, by its name in `history.csv`.

    Returns:
        The metrics, as in `metrics.json`.

    Raises:
        ValueError: If an existing `metrics.json` cannot be read.
    """
    directory = predictor.directory
    if existing := metrics_already(directory):
        return existing
    metrics, examples, unit = measure(predictor)
    history = read_history(directory)
    plot_learning_curve(history, metric, directory / LEARNING_CURVE)
    metrics = {
        "dataset": predictor.config.data.dataset,
        "split": "test",
        "examples": examples,
        "unit": unit,
        **metrics,
        "parameters": predictor.model.count_params(),
        "train_minutes": sum(row["seconds"] for row in history) / 60,
    }
    write_json(directory / METRICS, metrics)
    return metrics


def evaluate_command(evaluate, predictor_class):
    """Runs `python -m apps.X.evaluate RUN`: prints the metrics as JSON.

    Args:
        evaluate: The app's function `evaluate`.
        predictor_class: The app's class `Predictor`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m apps.{predictor_class.name}.evaluate",
        description="Measures a finished run on its test split, once.",
    )
    parser.add_argument("run", help="run directory of a finished training")
    arguments = parser.parse_args()
    with report_errors():
        predictor = predictor_class.load(arguments.run)
        print(json.dumps(evaluate(predictor), indent=2))
