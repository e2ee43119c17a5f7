"""Measures a finished run on the reported split; scores the user's own texts."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from apps.common.plots import plot_learning_curve, save_figure
from apps.common.runs import finished_run, read_metrics, save_metrics
from apps.common.saved import load_model
from apps.common.terminal import evaluate_command
from apps.common.text import UNKNOWN_ID, Vocabulary
from apps.common.training import read_history
from apps.language_modeling.adaptive import (
    cache_perplexity,
    dynamic_perplexity,
    log_probabilities,
)
from apps.language_modeling.config import Config
from apps.language_modeling.data import load_data
from apps.language_modeling.model import zero_state
from apps.language_modeling.text import ended, start_id, token_ids

RANKS = (10, 100, 1000, 10000, 100000)
POSITIONS = (1, 2, 4, 8, 16, 32, 64, 128)


def load_run(directory):
    """Returns `(config, model, vocabulary)` of a finished run."""
    directory = Path(directory)
    config = finished_run(directory, Config)
    vocabulary = Vocabulary.load(directory / "vocabulary.txt")
    return config, load_model(directory), vocabulary


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
    config, model, vocabulary = load_run(directory)
    kind, wanted = config.data.tokens, config.evaluation
    splits = ("train", "validation", "test") if wanted.dynamic or wanted.cache else ()
    data = load_data(config.data, splits or ("test",), vocabulary)
    start = start_id(vocabulary, kind)
    log_p = log_probabilities(model, data.test, start)
    found = measure(log_p, data.test, start, kind)
    found["dynamic_perplexity"] = found["cache_perplexity"] = None
    if wanted.cache:
        found["cache_perplexity"], found["cache"] = cache_perplexity(model, data, start)
    if wanted.dynamic:
        settings = (config.train.batch_size, config.train.window)
        adapted = dynamic_perplexity(model, data, start, *settings)
        found["dynamic_perplexity"], found["dynamic"] = adapted

    plot_learning_curve(
        read_history(directory), "perplexity", directory / "learning.png"
    )
    for name in ("frequency", "position"):
        _plot_bars(found[f"by_{name}"], name, directory / f"{name}.png")
    found["unknown_fraction"] = float(np.mean(data.test == UNKNOWN_ID))
    unit = "characters" if kind == "characters" else "tokens"
    return save_metrics(directory, config, model, found, len(data.test), unit)


def measure(log_p, ids, start, kind):
    """Returns the metrics of log-probabilities.

    Args:
        log_p: Natural logarithms, `(tokens,)`.
        ids: The tokens' ids.
        start: Id of the token that ends a text, and of the one before the first.
        kind: "words", "spaces" or "characters".

    Returns:
        perplexity (None for characters), nats_per_character and bits_per_character
        (None for words), by_frequency and by_position.
    """
    nats = -float(np.mean(log_p, dtype="float64"))
    characters = kind == "characters"
    ids = np.asarray(ids)
    ends = np.concatenate([[-1], np.flatnonzero(ids == start)])
    place = np.arange(len(ids))
    position = place - ends[np.searchsorted(ends, place) - 1]  # 1 after an end
    rank = np.where(ids == UNKNOWN_ID, 0, ids - UNKNOWN_ID)  # ids go by frequency
    return {
        "perplexity": None if characters else float(np.exp(nats)),
        "nats_per_character": nats if characters else None,
        "bits_per_character": nats / float(np.log(2)) if characters else None,
        "by_frequency": [
            *_binned(log_p, rank, (0,), ["unknown"]),
            *_binned(log_p, rank - 1, RANKS, None, "rank "),
        ],
        "by_position": _binned(log_p, position - 1, POSITIONS, None, ""),
    }


def _binned(log_p, values, edges, names=None, prefix=""):
    """Returns tokens and perplexity of the bins that have tokens.

    A bin holds values from the edge before (0 at first) to below its own; with names,
    those that equal the edge.
    """
    rows, low = [], 0
    for index, edge in enumerate(edges if names else (*edges, np.inf)):
        inside = values == edge if names else (low <= values) & (values < edge)
        if inside.any():
            last = "" if edge == np.inf else f"-{edge}" if edge > low + 1 else None
            name = f"{prefix}{low + 1}{'+' if last == '' else last or ''}"
            rows.append(
                {
                    "bin": names[index] if names else name,
                    "tokens": int(inside.sum()),
                    "perplexity": float(np.exp(-np.mean(log_p[inside], dtype="f8"))),
                }
            )
        low = edge
    return rows


def _plot_bars(rows, title, path):
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    axes.bar([row["bin"] for row in rows], [row["perplexity"] for row in rows])
    axes.set(yscale="log", ylabel="perplexity", title=f"perplexity by {title}")
    axes.tick_params(axis="x", rotation=30)
    save_figure(figure, path)


def scoring(model, vocabulary, kind):
    """Returns the function that a served model runs: raw texts in, scores out.

    It takes `text`, strings `(batch,)`, each a text of its own with, for words, its
    end. It returns `tokens`, int32, `log_probability` (natural) and `perplexity`,
    float32, all `(batch,)`, and `token_log_probabilities`, `(batch, most tokens)`,
    padded with 0.
    """
    start = start_id(vocabulary, kind)

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], "string", name="text")]
    )
    def score(text):
        ids = tf.cast(token_ids(text, vocabulary, kind), "int32")
        starts = tf.fill([ids.nrows(), 1], start)
        targets = tf.concat([ids, starts], axis=1) if ended(kind) else ids
        lengths = tf.cast(targets.row_lengths(), "int32")
        targets = targets.to_tensor()
        token_ids_ = tf.concat([starts, ids.to_tensor()], axis=1)
        batch, timesteps = tf.unstack(tf.shape(targets))
        state = zero_state(model, batch)
        logits, *_ = model([token_ids_, *state], training=False)
        logits = tf.cast(logits[:, :timesteps], "float32")
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        log_p = tf.where(tf.sequence_mask(lengths, timesteps), -losses, 0.0)
        total = tf.reduce_sum(log_p, axis=1)
        count = tf.cast(tf.maximum(lengths, 1), "float32")
        return {
            "tokens": lengths,
            "log_probability": total,
            "perplexity": tf.exp(-total / count),
            "token_log_probabilities": log_p,
        }

    return score


def predict(directory, texts):
    """Returns text, tokens, log_probability, perplexity and more for each text.

    Args:
        directory: Run directory whose training has ended.
        texts: Strings.
    """
    config, model, vocabulary = load_run(directory)
    score = scoring(model, vocabulary, config.data.tokens)
    answers = []
    for text in texts:
        found = score(tf.constant([text.encode("utf-8", "replace")]))
        row = {name: value[0].numpy().tolist() for name, value in found.items()}
        answers.append({"text": text, **row})
    return answers


if __name__ == "__main__":
    evaluate_command(evaluate)
