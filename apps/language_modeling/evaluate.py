"""Measures a finished run on the reported split."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from apps.common.metrics.baseline import baseline_or_none
from apps.common.metrics.bootstrap import intervals
from apps.common.metrics.evaluation import evaluate_command, measure_once
from apps.common.metrics.plots import save_figure
from apps.common.portable.patterns import UNKNOWN_ID
from apps.language_modeling.adaptive import (
    cache_perplexity,
    dynamic_perplexity,
    log_probabilities,
)
from apps.language_modeling.baseline import measure_baseline
from apps.language_modeling.data import SPLITS, load_data
from apps.language_modeling.predict import Predictor

RANKS = (10, 100, 1000, 10000, 100000)
POSITIONS = (1, 2, 4, 8, 16, 32, 64, 128)
BLOCKS = 100  # parts of the test text that the bootstrap resamples


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
    metrics["baseline"] = baseline_or_none(lambda: _baseline(predictor, data.test))
    unit = "characters" if tokenization == "characters" else "tokens"
    return metrics, len(data.test), unit


evaluate = partial(measure_once, measure=measure_test, metric="perplexity")


def _baseline(predictor, test):
    """Returns the name of the n-gram baseline, and its metrics."""
    vocabulary, start = predictor.vocabulary, predictor.start
    name, log_p = measure_baseline(predictor.config.data, test, vocabulary, start)
    return {"name": name, **likelihood(-np.mean(log_p), predictor.tokenization)}


def measure(log_p, ids, start, tokenization):
    """Returns the metrics of a text's log-probabilities.

    Args:
        log_p: Natural log-probability of each token, `(tokens,)`.
        ids: Token ids, `(tokens,)`.
        start: Id of the token that ends a text and precedes the first token.
        tokenization: "words", "spaces" or "characters".

    Returns:
        A dictionary: what `likelihood` returns, its `intervals`, `by_frequency` and
        `by_position`.
    """
    ids, log_p = np.asarray(ids), np.asarray(log_p, "float64")
    ends = np.concatenate([[-1], np.flatnonzero(ids == start)])
    index = np.arange(len(ids))
    position = index - ends[np.searchsorted(ends, index) - 1]  # 1 after an end
    rank = np.where(ids == UNKNOWN_ID, 0, ids - UNKNOWN_ID)  # ids follow frequency
    return {
        **likelihood(-np.mean(log_p), tokenization),
        "intervals": _intervals(log_p, tokenization),
        "by_frequency": [
            *_binned(log_p, rank, (0,), ["unknown"]),
            *_binned(log_p, rank - 1, RANKS, None, "rank "),
        ],
        "by_position": _binned(log_p, position - 1, POSITIONS, None, ""),
    }


def likelihood(nats, tokenization):
    """Returns the metrics of a mean loss.

    Args:
        nats: Mean negative log-probability of a token.
        tokenization: "words", "spaces" or "characters".

    Returns:
        A dictionary: `perplexity` (None for characters), `nats_per_character` and
        `bits_per_character` (None for words).
    """
    nats, characters = float(nats), tokenization == "characters"
    return {
        "perplexity": None if characters else float(np.exp(nats)),
        "nats_per_character": nats if characters else None,
        "bits_per_character": nats / float(np.log(2)) if characters else None,
    }


def _intervals(log_p, tokenization):
    """Returns 95% confidence intervals, by a bootstrap over blocks of the text.

    Tokens near each other are alike, so single tokens would give too narrow intervals.
    """
    blocks = np.array_split(log_p, min(BLOCKS, len(log_p)))
    sums, sizes = np.array([(block.sum(), len(block)) for block in blocks]).T

    def metrics(index):
        nats = -sums[index].sum() / sizes[index].sum()
        values = likelihood(nats, tokenization)
        return {name: value for name, value in values.items() if value is not None}

    return intervals(metrics, len(blocks))


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
