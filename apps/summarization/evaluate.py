"""Measures a finished run on the reported split."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from apps.common.data.text import encoded, tokenize
from apps.common.metrics.bootstrap import mean_intervals
from apps.common.metrics.evaluation import evaluate_command, measure_once
from apps.common.metrics.plots import save_figure
from apps.common.portable.files import atomic_write
from apps.summarization.data import load_data
from apps.summarization.predict import Predictor
from apps.summarization.scores import (
    BASELINES,
    novel_fraction,
    rouge,
    rouge_scores,
    strongest,
)

SAMPLES, PLOTTED = 20, 4  # documents in samples.txt and in attention.png


def measure_test(predictor):
    """Returns the metrics, the number of test examples and their unit.

    Plots lengths and attention; writes sample summaries to `samples.txt`.
    """
    directory, config = predictor.directory, predictor.config
    test = load_data(config.data, ("test",), predictor.vocabulary).test
    rows = predictor.attend_all(test.documents)
    summaries = [row["summary"].decode() for row in rows]
    copied = np.concatenate(
        [row["copied"][row["summary_tokens"] != b""] for row in rows]
    )
    scores = rouge_scores(test.summaries, summaries)
    metrics = {name: float(np.mean(column)) for name, column in scores.items()}
    metrics["intervals"] = mean_intervals(scores)
    metrics["baselines"] = {
        name: rouge(test.summaries, list(map(baseline, test.documents)))
        for name, baseline in BASELINES.items()
    }
    metrics["baseline"] = strongest(metrics["baselines"])
    rules = predictor.vocabulary.rules
    words = [
        tokenize(encoded(texts), rules).to_list()
        for texts in (test.documents, test.summaries, summaries)
    ]
    metrics["novel_fraction"] = {
        name: {str(n): novel_fraction(words[0], texts, n) for n in (1, 2, 3)}
        for name, texts in (("references", words[1]), ("summaries", words[2]))
    }
    metrics["mean_length"] = {
        name: float(np.mean([len(text) for text in texts]))
        for name, texts in (("references", words[1]), ("summaries", words[2]))
    }
    metrics["copied_fraction"] = float(np.mean(copied)) if len(copied) else 0.0
    _plot_lengths(words[1], words[2], directory / "lengths.png")
    _plot_attention(rows[:PLOTTED], directory / "attention.png")
    _write_samples(test, summaries, directory / "samples.txt")
    return metrics, len(summaries), "documents"


evaluate = partial(measure_once, measure=measure_test, metric="perplexity")


def _plot_lengths(references, summaries, path):
    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    lengths = [[len(text) for text in texts] for texts in (references, summaries)]
    edges = np.arange(max(map(max, lengths)) + 2) - 0.5
    axes.hist(lengths, edges, label=["references", "summaries"])
    axes.set(xlabel="tokens", ylabel="documents")
    axes.legend()
    save_figure(figure, path)


def _plot_attention(rows, path):
    """Plots the attention and the copy probability of each summary token."""
    figure, panels = plt.subplots(
        len(rows), figsize=(14, 3.2 * len(rows)), layout="constrained", squeeze=False
    )
    for panel, row in zip(panels[:, 0], rows, strict=True):
        document = [t.decode() for t in row["document_tokens"] if t]
        summary = [t.decode() for t in row["summary_tokens"] if t]
        weights = row["attention"][: len(summary), : len(document)]
        panel.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        panel.set_xticks(range(len(document)), document, rotation=90, fontsize=7)
        copied = row["copied"][: len(summary)]
        labels = [f"{w} ({p:.0%})" for w, p in zip(summary, copied, strict=True)]
        panel.set_yticks(range(len(summary)), labels, fontsize=8)
    figure.suptitle("attention (probability of copying)")
    save_figure(figure, path)


def _write_samples(test, summaries, path):
    rows = zip(test.documents, test.summaries, summaries, strict=True)
    with atomic_write(path) as temporary:
        temporary.write_text(
            "\n".join(
                f"document:  {' '.join(document.split())}\n"
                f"reference: {' '.join(reference.split())}\nsummary:   {summary}\n"
                for document, reference, summary in list(rows)[:SAMPLES]
            ),
            encoding="utf-8",
        )


if __name__ == "__main__":
    evaluate_command(evaluate, Predictor)
