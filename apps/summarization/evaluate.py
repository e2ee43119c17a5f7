"""Measures a finished run on the reported split; summarizes the user's documents."""

import sys
from dataclasses import asdict
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from apps.common.files import replacing
from apps.common.plots import plot_learning_curve, save_figure
from apps.common.runs import finished_run, read_metrics, save_metrics
from apps.common.saved import load_model
from apps.common.terminal import evaluate_command
from apps.common.text import (
    END,
    PADDING_ID,
    UNKNOWN,
    UNKNOWN_ID,
    Vocabulary,
    encoded,
    join_words,
    tokenize,
)
from apps.common.training import read_history
from apps.summarization.config import Config
from apps.summarization.data import encode_documents, load_data
from apps.summarization.decode import search
from apps.summarization.model import encoding, stepping
from apps.summarization.scores import BASELINES, novel_fraction, rouge

BATCH_SIZE = 64
SAMPLES, DRAWN = 20, 4


def load_run(directory):
    """Returns `(config, model, vocabulary)` of a finished run."""
    directory = Path(directory)
    config = finished_run(directory, Config)
    vocabulary = Vocabulary.load(directory / "vocabulary.txt")
    return config, load_model(directory), vocabulary


def evaluate(directory):
    """Measures a run on the split that its data set reports, once.

    Writes `metrics.json`, plots and sample summaries into the run directory. A run that
    has its metrics keeps them.

    Args:
        directory: Run directory whose training has ended.

    Returns:
        The metrics, as in `metrics.json`.
    """
    directory = Path(directory)
    if known := read_metrics(directory):
        return known
    config, model, vocabulary = load_run(directory)
    test = load_data(config.data, ("test",), vocabulary).test
    attend = attending(model, vocabulary, config)
    rows = summarize(attend, test.documents)
    summaries = [row["summary"].decode() for row in rows]
    copied = np.concatenate(
        [row["copied"][row["summary_tokens"] != b""] for row in rows]
    )
    found = rouge(test.summaries, summaries)
    found["baselines"] = {
        name: rouge(test.summaries, list(map(baseline, test.documents)))
        for name, baseline in BASELINES.items()
    }
    words = [_words(texts) for texts in (test.documents, test.summaries, summaries)]
    found["novel_fraction"] = {
        name: {str(n): novel_fraction(words[0], texts, n) for n in (1, 2, 3)}
        for name, texts in (("references", words[1]), ("summaries", words[2]))
    }
    found["mean_length"] = {
        name: float(np.mean([len(text) for text in texts]))
        for name, texts in (("references", words[1]), ("summaries", words[2]))
    }
    found["copied_fraction"] = float(np.mean(copied)) if len(copied) else 0.0
    plot_learning_curve(
        read_history(directory), "perplexity", directory / "learning.png"
    )
    _plot_lengths(words[1], words[2], directory / "lengths.png")
    _plot_attention(rows[:DRAWN], directory / "attention.png")
    _write_samples(test, summaries, directory / "samples.txt")
    return save_metrics(directory, config, model, found, len(summaries), "documents")


def summarize(attend, documents):
    """Returns what `attend` finds for each document, those of like length together.

    Args:
        attend: What `attending` returns.
        documents: Strings.
    """
    order = np.argsort([len(document) for document in documents], kind="stable")
    rows = [None] * len(documents)
    bar = keras.utils.Progbar(
        len(documents), unit_name="document", verbose=int(sys.stdout.isatty())
    )
    for start in range(0, len(order), BATCH_SIZE):
        chosen = order[start : start + BATCH_SIZE]
        found = attend(encoded([documents[n] for n in chosen]))
        found = {name: value.numpy() for name, value in found.items()}
        for place, n in enumerate(chosen):
            rows[n] = {name: value[place] for name, value in found.items()}
        bar.add(len(chosen))
    return rows


def attending(model, vocabulary, config):
    """Returns the function that summarizes and shows what it looked at.

    It takes `document`, strings `(batch,)`. It returns `summary`, strings, and `score`,
    float32, both `(batch,)`; `document_tokens` `(batch, timesteps)` and
    `summary_tokens` `(batch, steps)`, strings padded with ""; `attention`, float32
    `(batch, steps, timesteps)`; and `copied`, float32 `(batch, steps)`: the model's
    probability of copying a token, not writing it.
    """
    names, size = tf.constant(vocabulary.tokens), len(vocabulary)
    start = tf.cast(vocabulary.lookup(END), "int32")
    spec = tf.TensorSpec([None], "string", name="document")

    @tf.function(autograph=False, input_signature=[spec])
    def attend(document):
        tokens, token_ids, copy_ids = encode_documents(
            document, vocabulary, config.data.document_tokens
        )
        tokens, token_ids, copy_ids = (
            x.to_tensor() for x in (tokens, token_ids, copy_ids)
        )
        fixed, state = encoding(model, token_ids)
        repeated = tf.nest.map_structure(
            lambda x: tf.repeat(x, config.decode.beam, axis=0), (fixed, copy_ids)
        )
        step = stepping(model, *repeated)
        count = tf.shape(document)[0]
        ids, score = search(step, state, count, start, start, **asdict(config.decode))
        blank = tf.reduce_any(
            tokens[:, :1] == UNKNOWN, axis=1
        )  # a text without a token
        ids = tf.where(blank[:, tf.newaxis], PADDING_ID, ids)
        longest = tf.reduce_max(tf.math.count_nonzero(ids, axis=1, dtype="int32"))
        longest = tf.maximum(longest, 1)  # the decoder takes one step at least
        ids = tf.pad(ids, [[0, 0], [0, 1]])[:, :longest]
        own = tf.gather(tokens, tf.maximum(ids - size, 0), batch_dims=1)
        words = tf.where(ids < size, tf.gather(names, tf.minimum(ids, size - 1)), own)
        written = ids != PADDING_ID
        before = tf.where(ids < size, ids, UNKNOWN_ID)
        before = tf.concat([tf.fill([count, 1], start), before], axis=1)[:, :longest]
        _, writes, attention = model([token_ids, before], training=False)
        return {
            "summary": join_words(tf.ragged.boolean_mask(words, written)),
            "score": tf.where(blank, 0.0, score),
            "document_tokens": tokens,
            "summary_tokens": tf.where(written, words, ""),
            "attention": attention,
            "copied": tf.where(written, tf.sigmoid(-writes[..., 0]), 0.0),
        }

    return attend


def predict(directory, documents):
    """Returns a dictionary with `document`, `summary` and `score` for each document.

    Args:
        directory: Run directory whose training has ended.
        documents: Strings.
    """
    config, model, vocabulary = load_run(directory)
    attend = attending(model, vocabulary, config)
    answers = []
    for document in documents:
        found = attend(encoded([document]))
        answers.append(
            {
                "document": document,
                "summary": found["summary"][0].numpy().decode(),
                "score": float(found["score"][0]),
            }
        )
    return answers


def _words(texts):
    """Returns the lists of tokens of texts."""
    return tokenize(encoded(texts)).to_list()


def _plot_lengths(references, summaries, path):
    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    lengths = [[len(text) for text in texts] for texts in (references, summaries)]
    edges = np.arange(max(map(max, lengths)) + 2) - 0.5
    axes.hist(lengths, edges, label=["references", "summaries"])
    axes.set(xlabel="tokens", ylabel="documents")
    axes.legend()
    save_figure(figure, path)


def _plot_attention(drawn, path):
    """Draws what each word of some summaries looked at, and how far it was copied."""
    figure, panels = plt.subplots(
        len(drawn), figsize=(14, 3.2 * len(drawn)), layout="constrained", squeeze=False
    )
    for panel, row in zip(panels[:, 0], drawn, strict=True):
        document = [t.decode() for t in row["document_tokens"] if t]
        summary = [t.decode() for t in row["summary_tokens"] if t]
        weights = row["attention"][: len(summary), : len(document)]
        panel.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        panel.set_xticks(range(len(document)), document, rotation=90, fontsize=7)
        shares = row["copied"][: len(summary)]
        labels = [f"{w} ({c:.0%})" for w, c in zip(summary, shares, strict=True)]
        panel.set_yticks(range(len(summary)), labels, fontsize=8)
    figure.suptitle("attention; in brackets the probability of copying")
    save_figure(figure, path)


def _write_samples(test, summaries, path):
    rows = zip(test.documents, test.summaries, summaries, strict=True)
    with replacing(path) as aside:
        aside.write_text(
            "\n".join(
                f"document:  {' '.join(document.split())}\n"
                f"reference: {' '.join(reference.split())}\nsummary:   {summary}\n"
                for document, reference, summary in list(rows)[:SAMPLES]
            ),
            encoding="utf-8",
        )


if __name__ == "__main__":
    evaluate_command(evaluate)
