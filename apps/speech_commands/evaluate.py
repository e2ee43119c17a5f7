"""Measures a finished run on the reported split; answers for the user's own files."""

from dataclasses import asdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import apps.speech_commands.model  # noqa: F401  registers what load_model needs
from apps.common.classification import load_labels, measure
from apps.common.plots import plot_confusion_matrix, plot_learning_curve, save_figure
from apps.common.runs import finished_run, read_metrics, save_metrics
from apps.common.saved import load_model
from apps.common.terminal import evaluate_command
from apps.common.training import read_history
from apps.speech_commands.audio import read_audio
from apps.speech_commands.config import Config
from apps.speech_commands.data import load_data, measured
from apps.speech_commands.detection import det_curve, plot_det
from apps.speech_commands.features import LogMel, fit_clip
from apps.speech_commands.model import clip_logits, streams

BATCH_SIZE = 128
RATIOS_DB = (np.inf, 20, 10, 5, 0)


def load_run(directory):
    """Returns `(config, model, labels, front_end)` of a finished run."""
    directory = Path(directory)
    config = finished_run(directory, Config)
    model = load_model(directory)
    front_end = LogMel(config.data.sample_rate_hz, **asdict(config.features))
    return config, model, load_labels(directory / "labels.txt"), front_end


def evaluate(directory):
    """Measures a run on the split that its data set reports, once.

    Writes `metrics.json` and plots into the run directory. A run that has its metrics
    keeps them.

    Args:
        directory: Run directory whose training has ended.

    Returns:
        The metrics, as in `metrics.json`.
    """
    directory = Path(directory)
    if known := read_metrics(directory):
        return known
    config, model, labels, front_end = load_run(directory)
    test = load_data(config.data, ("test",), labels).test
    answer = answering(model, labels, front_end, config)
    found = measure(test.labels, _probabilities(answer, test, test.snr_db), labels)
    by_ratio = {}
    for ratio in RATIOS_DB:
        snr_db = np.full(len(test.labels), float(ratio))
        predicted = _probabilities(answer, test, snr_db).argmax(axis=-1)
        name = "clean" if np.isinf(ratio) else f"{ratio} dB"
        by_ratio[name] = float(np.mean(predicted == test.labels))
    plot_learning_curve(read_history(directory), "accuracy", directory / "learning.png")
    plot_confusion_matrix(
        found["confusion_matrix"], labels, directory / "confusion.png"
    )
    _plot_ratios(by_ratio, directory / "noise.png")
    stream = None
    if streams(model):
        stream = det_curve(model, front_end, labels, test, config)
        plot_det(stream["curve"], directory / "det.png")
    found["accuracy_by_signal_to_noise"], found["stream"] = by_ratio, stream
    return save_metrics(directory, config, model, found, len(test.labels), "clips")


def predict(directory, files):
    """Returns a dictionary with `file`, `label` and `probabilities` for each file.

    Args:
        directory: Run directory whose training has ended.
        files: Paths of audio files of any rate; of a long one the loudest part counts.

    Raises:
        ValueError: If a file cannot be read.
    """
    config, model, labels, front_end = load_run(directory)
    rate = config.data.sample_rate_hz
    answer = answering(model, labels, front_end, config)
    answers = []
    for file in files:
        found = answer(read_audio(file, rate)[np.newaxis])
        probabilities = found["probabilities"][0].numpy().tolist()
        answers.append(
            {
                "file": str(file),
                "label": found["label"][0].numpy().decode(),
                "probabilities": dict(zip(labels, probabilities, strict=True)),
            }
        )
    return answers


def answering(model, labels, front_end, config):
    """Returns the function that a served model runs: waveforms in, answers out.

    It takes `waveform`, float32 between -1 and 1 `(batch, any)`, and returns `label`,
    strings `(batch,)`, and `probabilities`, float32 `(batch, labels)` in the order of
    `labels`. Of what is longer than a clip the loudest stretch counts.
    """
    samples = config.data.sample_rate_hz * config.data.clip_ms // 1000
    names = tf.constant(labels)
    spec = tf.TensorSpec([None, None], "float32", name="waveform")

    @tf.function(autograph=False, input_signature=[spec])
    def answer(waveform):
        waveform = tf.debugging.check_numerics(waveform, "waveform")
        features = front_end(fit_clip(waveform, samples))
        logits = clip_logits(model, features, config.model.pooling)
        logits = tf.cast(logits, "float32")
        return {
            "label": tf.gather(names, tf.argmax(logits, axis=-1)),
            "probabilities": tf.nn.softmax(logits),
        }

    return answer


def _probabilities(answer, clips, snr_db):
    """Returns the probabilities of clips with noise, `(clips, labels)`."""
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
    evaluate_command(evaluate)
