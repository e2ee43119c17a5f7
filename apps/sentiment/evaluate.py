"""Measures a finished run on the reported split; answers for the user's own texts."""

import csv
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import apps.sentiment.model  # noqa: F401  registers the layers that load_model needs
from apps.common.classification import load_labels, measure
from apps.common.files import replacing
from apps.common.plots import plot_confusion_matrix, plot_learning_curve, plot_roc
from apps.common.runs import finished_run, read_metrics, save_metrics
from apps.common.saved import load_model
from apps.common.terminal import evaluate_command
from apps.common.text import Vocabulary
from apps.common.training import read_history
from apps.sentiment.config import Config
from apps.sentiment.data import load_data

MISTAKES_KEPT = 100


def load_run(directory):
    """Returns `(config, model, vocabulary, labels)` of a finished run."""
    directory = Path(directory)
    config = finished_run(directory, Config)
    vocabulary = Vocabulary.load(directory / "vocabulary.txt")
    labels = load_labels(directory / "labels.txt")
    return config, load_model(directory), vocabulary, labels


def evaluate(directory):
    """Measures a run on the split that its data set reports, once.

    Writes `metrics.json`, `mistakes.csv` (the most confident ones) and plots into the
    run directory. A run that has its metrics keeps them.

    Args:
        directory: Run directory whose training has ended.

    Returns:
        The metrics, as in `metrics.json`.
    """
    directory = Path(directory)
    if known := read_metrics(directory):
        return known
    config, model, vocabulary, labels = load_run(directory)
    test = load_data(config.data, ("test",), labels).test
    answer = answering(model, vocabulary, labels, config.data.max_length)
    probabilities = _in_batches(answer, test.texts)["probabilities"]
    targets = test.labels

    plot_learning_curve(read_history(directory), "accuracy", directory / "learning.png")
    found = measure(targets, probabilities, labels)
    matrix = found["confusion_matrix"]
    plot_confusion_matrix(matrix, labels, directory / "confusion.png")
    plot_roc(targets, probabilities, labels, directory / "roc.png")
    _save_mistakes(test, probabilities, labels, directory / "mistakes.csv")
    return save_metrics(directory, config, model, found, len(targets), "examples")


def predict(directory, texts):
    """Returns a dictionary with `text`, `label` and `probabilities` for each text.

    Args:
        directory: Run directory whose training has ended.
        texts: Strings.
    """
    config, model, vocabulary, labels = load_run(directory)
    answer = answering(model, vocabulary, labels, config.data.max_length)
    answers = _in_batches(answer, [text.encode("utf-8", "replace") for text in texts])
    return [
        {
            "text": text,
            "label": label.decode(),
            "probabilities": dict(zip(labels, row.tolist(), strict=True)),
        }
        for text, label, row in zip(texts, *answers.values(), strict=True)
    ]


def answering(model, vocabulary, labels, max_length):
    """Returns the function that a served model runs: raw texts in, answers out.

    It takes `text`, strings `(batch,)`, and returns `label`, strings `(batch,)`, and
    `probabilities`, float32 `(batch, labels)` in the order of `labels`.
    """
    names = tf.constant(labels)

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], "string", name="text")]
    )
    def answer(text):
        token_ids = vocabulary.token_ids(text, max_length).to_tensor()
        logits = tf.cast(model(token_ids, training=False), "float32")
        return {
            "label": tf.gather(names, tf.argmax(logits, axis=-1)),
            "probabilities": tf.nn.softmax(logits),
        }

    return answer


def _in_batches(answer, texts, batch_size=128):
    """Answers texts of like lengths together; returns arrays in the texts' order."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    bar = keras.utils.Progbar(
        -(-len(texts) // batch_size),
        unit_name="batch",
        verbose=int(sys.stdout.isatty()),
    )
    parts = []
    for start in range(0, len(texts), batch_size):
        chosen = order[start : start + batch_size]
        parts.append(answer(tf.constant([texts[n] for n in chosen])))
        bar.add(1)
    back = np.argsort(order)
    return {
        name: np.concatenate([part[name].numpy() for part in parts])[back]
        for name in ("label", "probabilities")
    }


def _save_mistakes(test, probabilities, labels, path):
    texts, targets = test.texts, test.labels
    confidence, predicted = probabilities.max(axis=-1), probabilities.argmax(axis=-1)
    wrong = np.flatnonzero(predicted != targets)
    wrong = wrong[np.argsort(-confidence[wrong])][:MISTAKES_KEPT]
    with (
        replacing(path) as aside,
        open(aside, "w", newline="", encoding="utf-8") as file,
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
    evaluate_command(evaluate)
