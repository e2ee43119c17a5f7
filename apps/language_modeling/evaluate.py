"""Measures a finished run on the reported split."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from apps.common.data.text import UNKNOWN_ID
from apps.common.metrics.evaluation import evaluate_command, measure_once
from apps.common.metrics.plots import save_figure
from apps.language_modeling.adaptive import (
    cache_perplexity,
    dynamic_perplexity,
    log_probabilities,
)
from apps.language_modeling.data import SPLITS, load_data
from apps.language_modeling.predict import Predictor

RANKS = (10, 100, 1000, 10000, 100000)
POSITIONS = (1, 2, 4, 8, 16, 32, 64, 128)


def measure_test(predictor):
    """Returns the metrics, the number of test examples and their unit.

    Plots perplexity by token frequency and by position in the text.
    """
    directory, config = predictor.directory, predictor.config
    model, tokenization = predictor.model, predictor.tokenization
    settings = config.evaluation
    adaptive = settings.dynamic or settings.cache
    splits = SPLITS if adaptive else ("test",)
    data = load_data(config.data, splits, predictor.vocabulary)
    start = predictor.start
    log_p = log_probabilities(model, data.test, start)
    metrics = measure(log_p, data.test, start, tokenization)
    metrics["dynamic_perplexity"] = metrics["cache_perplexity"] = None
    if settings.cache:
        perplexity, chosen = cache_perplexity(model, data, start)
        metrics["cache_perplexity"], metrics["cache"] = perplexity, chosen
    if settings.dynamic:
        windows = (config.train.batch_size, config.train.window)
        perplexity, chosen = dynamic_perplexity(model, data, start, *windows)
        metrics["dynamic_perplexity"], metrics["dynamic"] = perplexity, chosen

    for name in ("frequency", "position"):
        _plot_bars(metrics[f"by_{name}"], name, directory / f"{name}.png")
    metrics["unknown_fraction"] = float(np.mean(data.test == UNKNOWN_ID))
    unit = "characters" if tokenization == "characters" else "tokens"
    return metrics, len(data.test), unit


evaluate = partial(measure_once, measure=measure_test, metric="perplexity")


def measure(log_p, ids, start, tokenization):
    """Returns the metrics of a text's log-probabilities.

    Args:
        log_p: Natural log-probability of each token, `(tokens,)`.
        ids: Token ids, `(tokens,)`.
        start: Id of the token that ends a text and precedes the first token.
        tokenization: "words", "spaces" or "characters".

    Returns:
        A dictionary: `perplexity` (None for characters), `nats_per_character` and
        `bits_per_character` (None for words), `by_frequency` and `by_position`.
    """
    nats = -float(np.mean(log_p, dtype="float64"))
    characters = tokenization == "characters"
    ids = np.asarray(ids)
    ends = np.concatenate([[-1], np.flatnonzero(ids == start)])
    index = np.arange(len(ids))
    position = index - ends[np.searchsorted(ends, index) - 1]  # 1 after an end
    rank = np.where(ids == UNKNOWN_ID, 0, ids - UNKNOWN_ID)  # ids follow frequency
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
    """Returns the number of tokens and the perplexity of each bin that has tokens.

    A bin holds the values from the previous edge (at first 0) to below its edge. With
    `names` it holds the values that equal its edge.
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


if __name__ == "__main__":
    evaluate_command(evaluate, Predictor)
