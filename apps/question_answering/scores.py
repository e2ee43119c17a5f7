"""Scores answers: accuracy for stories, exact match and F1 for passages."""

import re
import string
from collections import Counter, defaultdict

import numpy as np

from apps.common.metrics.bootstrap import intervals, mean_intervals
from apps.common.portable.scripts import PUNCTUATION, spaced

REMOVED = frozenset(string.punctuation + PUNCTUATION)
FAILED = 0.05  # error of a task above which it counts as failed (Weston et al. 2015)
QUESTION_WORDS = ("what", "who", "when", "where", "which", "how", "why")
DISTANCES = (1, 2, 3, 5, 8, 12, 20, 40)


def normalized(answer):
    """Normalizes an answer as SQuAD's scoring does (Rajpurkar et al. 2016).

    Lower-cases it, removes punctuation and articles, and collapses white space. Each
    character of a script without blanks is a word, as in CMRC's scoring (Cui et al.
    2019), and its punctuation is removed too.
    """
    kept = "".join(c for c in answer.lower() if c not in REMOVED)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", spaced(kept)).split())


def exact_match(answer, reference):
    """Returns 1.0 if two normalized answers are equal, else 0.0."""
    return float(normalized(answer) == normalized(reference))


def f1(answer, reference):
    """Returns F1 of two normalized answers: precision and recall of their words."""
    ours, theirs = normalized(answer).split(), normalized(reference).split()
    if not ours or not theirs:
        return float(ours == theirs)
    same = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * same / (len(ours) + len(theirs))


def passage_scores(passages, answers):
    """Returns exact match and F1, overall and by type of question.

    Of several reference answers the one with the best score counts.

    Args:
        passages: A list of `Passage`.
        answers: The model's answer to each, a string.

    Returns:
        A dictionary: `exact_match`, `f1`, their `intervals`, `by_question_word` and
        `by_answer_length`.
    """
    rows = [
        [best(score, p, a) for score in (exact_match, f1)]
        for p, a in zip(passages, answers, strict=True)
    ]
    words = [_question_word(p.question) for p in passages]
    lengths = [_length(p.answers[0]) for p in passages]
    mean = np.mean(rows, axis=0)
    return {
        "exact_match": float(mean[0]),
        "f1": float(mean[1]),
        "intervals": mean_intervals(
            dict(zip(("exact_match", "f1"), np.transpose(rows), strict=True))
        ),
        "by_question_word": _by(words, rows, ("exact_match", "f1")),
        "by_answer_length": _by(lengths, rows, ("exact_match", "f1")),
    }


def best(score, passage, answer):
    """Returns the best score of an answer over the reference answers of a passage."""
    return max(score(answer, reference) for reference in passage.answers)


def _question_word(question):
    words = re.findall(r"\w+", question.lower())
    return next((word for word in words if word in QUESTION_WORDS), "other")


def _length(answer):
    count = len(answer.split())
    return str(count) if count < 4 else "4-6" if count < 7 else "7+"


def story_scores(stories, answers, labels):
    """Returns accuracy, overall and by task, number of supporting facts and distance.

    Args:
        stories: A list of `Story`.
        answers: The model's answer to each, a word.
        labels: Answers that the model can give.

    Returns:
        A dictionary: `accuracy`; `error`, the mean error of the tasks; the `intervals`
        of both; `tasks_failed`, the tasks with an error above 5%; `by_task`;
        `by_facts`, by the number of supporting facts; `by_distance`, by the number of
        sentences from the last supporting fact to the question; and `unknown_answers`,
        the number of answers that are not among the labels.
    """
    right = [[float(s.answer == a)] for s, a in zip(stories, answers, strict=True)]
    by_task = _by([story.task for story in stories], right, ("accuracy",))
    with_facts = [n for n, story in enumerate(stories) if story.facts]
    facts = [str(len(stories[n].facts)) for n in with_facts]
    distances = [
        _distance(len(stories[n].sentences) - max(stories[n].facts)) for n in with_facts
    ]
    known = set(labels)
    errors = {task: 1 - row["accuracy"] for task, row in by_task.items()}
    return {
        "accuracy": float(np.mean(right)),
        "error": float(np.mean(list(errors.values()))),
        "intervals": _story_intervals([s.task for s in stories], np.ravel(right)),
        "tasks_failed": [task for task, error in errors.items() if error > FAILED],
        "by_task": by_task,
        "by_facts": _by(facts, [right[n] for n in with_facts], ("accuracy",)),
        "by_distance": _by(distances, [right[n] for n in with_facts], ("accuracy",)),
        "unknown_answers": sum(story.answer not in known for story in stories),
    }


def _story_intervals(names, right):
    """Returns the 95% confidence intervals of accuracy and of the tasks' mean error."""
    tasks = np.unique(names, return_inverse=True)[1]

    def metrics(index):
        count = np.bincount(tasks[index])
        accuracy = np.bincount(tasks[index], right[index])[count > 0] / count[count > 0]
        return {"accuracy": right[index].mean(), "error": 1 - accuracy.mean()}

    return intervals(metrics, len(right))


def _distance(count):
    """Returns the name of the bin that a distance falls into."""
    low = 0
    for high in DISTANCES:
        if count <= high:
            return str(high) if high == low + 1 else f"{low + 1}-{high}"
        low = high
    return f"{low + 1}+"


def _by(names, rows, metrics):
    """Groups rows by name; returns each group's mean metrics and its size."""
    groups = defaultdict(list)
    for name, row in zip(names, rows, strict=True):
        groups[name].append(row)
    means = {}
    for name in sorted(groups, key=lambda n: (_leading_number(n), n)):
        mean = np.mean(groups[name], axis=0)
        means[name] = {
            **{metric: float(m) for metric, m in zip(metrics, mean, strict=True)},
            "examples": len(groups[name]),
        }
    return means


def _leading_number(name):
    number = re.match(r"\d+", name)
    return int(number[0]) if number else 0
