"""Measures a finished run on the reported split."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from apps.common.metrics.baseline import baseline_or_none
from apps.common.metrics.classification import label_intervals, measure
from apps.common.metrics.evaluation import evaluate_command, measure_once
from apps.common.metrics.plots import (
    plot_calibration,
    plot_confusion_matrix,
    save_figure,
)
from apps.speech_commands.baseline import measure_baseline
from apps.speech_commands.data import load_data, measured
from apps.speech_commands.predict import Predictor
from apps.speech_commands.streaming.heard import heard_by_origin, print_heard
from apps.speech_commands.streaming.tradeoff import ALL, det_curve, plot_det

BATCH_SIZE = 128
RATIOS_DB = (np.inf, 20, 10, 5, 0)


def measure_test(predictor):
    """Returns the metrics, the number of test examples and their unit.

    Plots the confusion matrix, the calibration, accuracy by signal-to-noise ratio and,
    for a model that streams, the detection error tradeoff (DET) curve. Of a wake word
    it counts one's own recordings and generated voices apart.
    """
    directory, config = predictor.directory, predictor.config
    labels, answer = predictor.labels, predictor.answer
    test = load_data(config.data, ("test",), labels).test
    probabilities = _probabilities(answer, test, test.snr_db)
    metrics = measure(test.labels, probabilities, labels)
    metrics["intervals"] = label_intervals(
        test.labels, probabilities.argmax(axis=-1), len(labels)
    )
    by_ratio = {}
    for ratio in RATIOS_DB:
        snr_db = np.full(len(test.labels), float(ratio))
        predicted = _probabilities(answer, test, snr_db).argmax(axis=-1)
        name = "clean" if np.isinf(ratio) else f"{ratio} dB"
        by_ratio[name] = float(np.mean(predicted == test.labels))
    plot_confusion_matrix(
        metrics["confusion_matrix"], labels, directory / "confusion.png"
    )
    plot_calibration(metrics["calibration"], directory / "calibration.png")
    _plot_ratios(by_ratio, directory / "noise.png")
    stream = None
    if predictor.streams:
        stream = det_curve(predictor, test)
        plot_det(stream, directory / "det.png")
        _print_stream(stream)
    metrics["accuracy_by_signal_to_noise"], metrics["stream"] = by_ratio, stream
    if predictor.streams and config.data.dataset == "wake_word":
        metrics["heard"] = heard_by_origin(predictor, test)
        print_heard(metrics["heard"])
    metrics["baseline"] = baseline_or_none(
        lambda: measure_baseline(config.data, test, labels, predictor.front_end)
    )
    return metrics, len(test.labels), "clips"


evaluate = partial(measure_once, measure=measure_test, metric="accuracy")


def _print_stream(stream):
    """Prints misses and false alarms in a stream, and in how many hours."""
    if not stream["hours"]:
        return
    row, hours = stream["at_detection"], stream["hours"][ALL]
    alarms = row["false_alarms"][ALL]
    low, high = alarms["interval"]
    print(
        f"In a stream {row['miss_rate']:.1%} of {stream['words']} words are missed, "
        f"with {alarms['per_hour']:.2g} false alarms an hour ({low:.2g} to {high:.2g}) "
        f"in {hours:.1f} h of sound without the words; evaluation.hours=20 takes more."
    )


def _probabilities(answer, clips, snr_db):
    """Returns the probabilities for clips with noise, `(clips, labels)`."""
    parts = []
    for start in range(0, len(clips.labels), BATCH_SIZE):
        cut = slice(start, start + BATCH_SIZE)
        waves = measured(clips, cut, snr_db[cut])
        parts.append(answer(tf.constant(waves, "float32"))["probabilities"].numpy())
    return np.concatenate(parts)


def _plot_ratios(by_ratio, path):
    figure, axes = plt.subplots(figsize=(4.5, 3.5), layout="constrained")
    axes.plot(list(by_ratio), list(by_ratio.values()), "o-")
    axes.set(xlabel="signal-to-noise ratio", ylabel="accuracy", ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    save_figure(figure, path)


if __name__ == "__main__":
    evaluate_command(evaluate, Predictor)
