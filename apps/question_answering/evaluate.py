"""Measures a finished run on the reported split; answers the user's own questions."""

import sys
from pathlib import Path
from typing import NamedTuple

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import apps.question_answering.model  # noqa: F401  registers what load_model needs
from apps.common.classification import load_labels
from apps.common.plots import plot_learning_curve, save_figure
from apps.common.runs import finished_run, read_metrics, save_metrics
from apps.common.saved import load_model
from apps.common.terminal import evaluate_command
from apps.common.text import Vocabulary, encoded
from apps.common.training import read_history
from apps.question_answering.config import PASSAGES, Config
from apps.question_answering.data import (
    context_of,
    load_data,
    story_ids,
    text_ids,
)
from apps.question_answering.scores import passage_scores, story_scores
from apps.question_answering.tokens import cut

BATCH_SIZE = 64
LONGEST_ANSWER = 15  # tokens, as in DrQA (Chen et al. 2017)
SEPARATOR = "|||"


def load_run(directory):
    """Returns `(config, model, vocabulary, labels)` of a finished run.

    The labels of a reader of passages are none.
    """
    directory = Path(directory)
    config = finished_run(directory, Config)
    vocabulary = Vocabulary.load(directory / "vocabulary.txt")
    labels = []
    if config.data.dataset not in PASSAGES:
        labels = load_labels(directory / "labels.txt")
    return config, load_model(directory), vocabulary, labels


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
    config, model, vocabulary, labels = load_run(directory)
    test = load_data(config.data, ("test",), labels).test
    answer = answering(model, vocabulary, labels, config)
    answers = _answers(answer, test)
    names = ("accuracy", "error", "exact_match", "f1")
    found = dict.fromkeys(names)
    if labels:
        found |= story_scores(test, answers, labels)
        _plot_bars(found["by_task"], "accuracy", directory / "tasks.png")
        _plot_bars(found["by_facts"], "accuracy", directory / "facts.png")
        _plot_bars(found["by_distance"], "accuracy", directory / "distance.png")
    else:
        found |= passage_scores(test, answers)
        _plot_bars(found["by_question_word"], "f1", directory / "question_word.png")
        _plot_bars(found["by_answer_length"], "f1", directory / "answer_length.png")
    plot_learning_curve(read_history(directory), "accuracy", directory / "learning.png")
    return save_metrics(directory, config, model, found, len(test), "questions")


def _answers(answer, examples):
    """Returns the answers to questions, those with contexts of like length together."""
    contexts = list(map(context_of, examples))
    order = np.argsort([len(context) for context in contexts], kind="stable")
    answers = [""] * len(examples)
    bar = keras.utils.Progbar(
        len(examples), unit_name="question", verbose=int(sys.stdout.isatty())
    )
    for start in range(0, len(order), BATCH_SIZE):
        chosen = order[start : start + BATCH_SIZE]
        found = answer(
            encoded([contexts[n] for n in chosen]),
            encoded([examples[n].question for n in chosen]),
        )
        for n, text in zip(chosen, found["answer"].numpy(), strict=True):
            answers[n] = text.decode()
        bar.add(len(chosen))
    return answers


def _plot_bars(rows, metric, path):
    figure, axes = plt.subplots(
        figsize=(1.5 + 0.6 * max(len(rows), 4), 3.5), layout="constrained"
    )
    axes.bar(list(rows), [row[metric] for row in rows.values()])
    axes.set(ylim=(0, 1.02), ylabel=metric, title=f"{metric} by {path.stem}")
    axes.tick_params(axis="x", rotation=90 if len(rows) > 6 else 0)
    save_figure(figure, path)


SPECS = [
    tf.TensorSpec([None], "string", name="context"),
    tf.TensorSpec([None], "string", name="question"),
]


class Read(NamedTuple):
    """What the model says of texts, and how it sees them."""

    logits: tf.Tensor  # float32
    attention: tf.Tensor
    places: list  # of a passage's tokens: where they start and end, `(batch, tokens)`
    asked: tf.RaggedTensor  # the question's tokens
    shown: tf.RaggedTensor  # a story's sentences, or a passage's tokens


def reading(model, vocabulary, labels, config):
    """Returns a function from texts to `Read`."""

    def read(context, question):
        question_ids, asked, *_ = text_ids(question, vocabulary)
        places = []
        if labels:
            ids, shown = story_ids(context, vocabulary, config.data.sentences)
        else:
            ids, shown, *places = text_ids(context, vocabulary)
        inputs = {"context": ids.to_tensor(), "question": question_ids.to_tensor()}
        logits, attention = model(inputs, training=False)
        return Read(tf.cast(logits, "float32"), attention, places, asked, shown)

    return read


def answering(model, vocabulary, labels, config):
    """Returns the function that a served model runs: texts in, answers out.

    It takes `context` and `question`, strings `(batch,)`. It returns `answer`, strings,
    and `score`, its probability, float32, both `(batch,)`; for passages also `start`
    and `end`, int32 `(batch,)`, in Unicode characters.
    """
    read = reading(model, vocabulary, labels, config)
    names = tf.constant(labels)

    @tf.function(autograph=False, input_signature=SPECS)
    def answer(context, question):
        context = tf.strings.unicode_transcode(
            context, "UTF-8", "UTF-8", errors="replace"
        )  # as its tokens are counted
        found = read(context, question)
        if labels:
            p = tf.nn.softmax(found.logits)
            best = tf.argmax(p, axis=-1)
            return {
                "answer": tf.gather(names, best),
                "score": tf.reduce_max(p, axis=-1),
            }
        first, last, score = best_span(tf.nn.log_softmax(found.logits))
        starts, ends = (place.to_tensor() for place in found.places)
        start = tf.gather(starts, first, batch_dims=1)
        end = tf.gather(ends, last, batch_dims=1)
        return {
            "answer": cut(context, start, end),
            "score": tf.exp(score),
            "start": start,
            "end": end,
        }

    return answer


def attending(model, vocabulary, labels, config):
    """Returns the function that shows what an answer rests on.

    It takes what `answering` takes and returns `attention`: for stories each hop's
    weights over the sentences, `(batch, hops, sentences)`; for passages each token's
    over the words of the question, `(batch, timesteps, steps)`.
    """
    read = reading(model, vocabulary, labels, config)

    @tf.function(autograph=False, input_signature=SPECS)
    def attend(context, question):
        return {"attention": read(context, question).attention}

    return attend


def best_span(log_p):
    """Returns the first and the last token of the most probable answer, and its score.

    Args:
        log_p: Log-probabilities of the first and the last token, `(batch, 2,
            timesteps)`.
    """
    timesteps = tf.shape(log_p)[2]
    last = tf.pad(log_p[:, 1], [[0, 0], [0, LONGEST_ANSWER]], constant_values=-1e9)
    scores = tf.stack(
        [
            log_p[:, 0] + last[:, length : length + timesteps]
            for length in range(LONGEST_ANSWER)
        ],
        axis=1,
    )  # (batch, length - 1, timesteps)
    flat = tf.reshape(scores, [-1, LONGEST_ANSWER * timesteps])
    best = tf.argmax(flat, axis=1, output_type="int32")
    first = best % timesteps
    return first, first + best // timesteps, tf.reduce_max(flat, axis=1)


def predict(directory, lines):
    """Returns a dictionary with `context`, `question`, `answer` and more for each line.

    Args:
        directory: Run directory whose training has ended.
        lines: Strings, each a context and a question with `|||` between them.

    Raises:
        ValueError: If a line has not both.
    """
    config, model, vocabulary, labels = load_run(directory)
    answer = answering(model, vocabulary, labels, config)
    answers = []
    for line in lines:
        context, mark, question = line.rpartition(SEPARATOR)
        if not mark:
            raise ValueError(
                f'Expected "context {SEPARATOR} question". Received: {line[:80]!r}.'
            )
        context, question = context.strip(), question.strip()
        found = answer(encoded([context]), encoded([question]))
        row = {name: value.numpy().tolist()[0] for name, value in found.items()}
        row["answer"] = row["answer"].decode()
        answers.append({"context": context, "question": question, **row})
    return answers


if __name__ == "__main__":
    evaluate_command(evaluate)
