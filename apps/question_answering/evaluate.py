"""Measures a finished run on the reported split."""

from functools import partial

import matplotlib.pyplot as plt

from apps.common.metrics.baseline import baseline_or_none
from apps.common.metrics.classification import calibration
from apps.common.metrics.evaluation import evaluate_command, measure_once
from apps.common.metrics.plots import plot_calibration, save_figure
from apps.question_answering import baseline
from apps.question_answering.data import context_of, load_data
from apps.question_answering.predict import Predictor
from apps.question_answering.scores import (
    best,
    exact_match,
    passage_scores,
    story_scores,
)


def measure_test(predictor):
    """Returns the metrics, the number of test examples and their unit.

    Plots accuracy or F1 by type of question, and the calibration of the answer's score.
    """
    directory, config = predictor.directory, predictor.config
    labels = predictor.labels
    test = load_data(config.data, ("test",), labels).test
    contexts = list(map(context_of, test))
    rows = predictor.answer_all(contexts, [example.question for example in test])
    answers = [row["answer"].decode() for row in rows]
    names = ("accuracy", "error", "exact_match", "f1")
    metrics = dict.fromkeys(names)
    if labels:
        metrics |= story_scores(test, answers, labels)
        right = [e.answer == answer for e, answer in zip(test, answers, strict=True)]
        _plot_bars(metrics["by_task"], "accuracy", directory / "tasks.png")
        _plot_bars(metrics["by_facts"], "accuracy", directory / "facts.png")
        _plot_bars(metrics["by_distance"], "accuracy", directory / "distance.png")
    else:
        metrics |= passage_scores(test, answers)
        right = [best(exact_match, *pair) for pair in zip(test, answers, strict=True)]
        _plot_bars(metrics["by_question_word"], "f1", directory / "question_word.png")
        _plot_bars(metrics["by_answer_length"], "f1", directory / "answer_length.png")
    metrics["calibration"] = calibration([row["score"] for row in rows], right)
    plot_calibration(metrics["calibration"], directory / "calibration.png")
    metrics["baseline"] = baseline_or_none(lambda: _baseline(config.data, test, labels))
    return metrics, len(test), "questions"


evaluate = partial(measure_once, measure=measure_test, metric="accuracy")


def _baseline(config, test, labels):
    if not labels:
        scores = passage_scores(test, baseline.passage_answers(test))
        names = ("exact_match", "f1")
        return {"name": baseline.PASSAGES, **{name: scores[name] for name in names}}
    train = baseline.training_stories(config)
    scores = story_scores(test, baseline.story_answers(train, test), labels)
    return {
        "name": f"{baseline.STORIES} on {len(train):,} stories",
        "accuracy": scores["accuracy"],
        "error": scores["error"],
    }


def _plot_bars(rows, metric, path):
    figure, axes = plt.subplots(
        figsize=(1.5 + 0.6 * max(len(rows), 4), 3.5), layout="constrained"
    )
    axes.bar(list(rows), [row[metric] for row in rows.values()])
    axes.set(ylim=(0, 1.02), ylabel=metric, title=f"{metric} by {path.stem}")
    axes.tick_params(axis="x", rotation=90 if len(rows) > 6 else 0)
    save_figure(figure, path)


if __name__ == "__main__":
    evaluate_command(evaluate, Predictor)
