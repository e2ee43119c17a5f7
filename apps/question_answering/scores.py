"""What answers are measured by: classes of stories, exact match and F1 of passages."""

import re
import string
from collections import Counter, defaultdict

import numpy as np

FAILED = 0.05  # error of a task above which it counts as failed (Weston et al. 2015)
QUESTION_WORDS = ("what", "who", "when", "where", "which", "how", "why")
DISTANCES = (1, 2, 3, 5, 8, 12, 20, 40)


def normalized(answer):
    """Returns an answer as SQuAD compares it.

    In lower case, without punctuation and articles, white space normalised (Rajpurkar
    et al. 2016).
    """
    kept = "".join(c for c in answer.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def exact_match(answer, reference):
    """Returns 1.0 if two answers are the same when normalized, else 0.0."""
    return float(normalized(answer) == normalized(reference))


def f1(answer, reference):
    """Returns the harmonic mean of precision and recall of words, normalized."""
    ours, theirs = normalized(answer).split(), normalized(reference).split()
    if not ours or not theirs:
        return float(ours == theirs)
    same = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * same / (len(ours) + len(theirs))


def passage_scores(passages, answers):
    """Returns exact match and F1, each with the best reference, and by kind.

    Args:
        passages: A list of `Passage`.
        answers: A string for each.

    Returns:
        exact_match, f1, by_question_word and by_answer_length.
    """
    rows = [
        [max(score(a, r) for r in p.answers) for score in (exact_match, f1)]
        for p, a in zip(passages, answers, strict=True)
    ]
    words = [_question_word(p.question) for p in passages]
    lengths = [_length(p.answers[0]) for p in passages]
    mean = np.mean(rows, axis=0)
    return {
        "exact_match": float(mean[0]),
        "f1": float(mean[1]),
        "by_question_word": _by(words, rows, ("exact_match", "f1")),
        "by_answer_length": _by(lengths, rows, ("exact_match", "f1")),
    }


def _question_word(question):
    words = re.findall(r"\w+", question.lower())
    return next((word for word in words if word in QUESTION_WORDS), "other")


def _length(answer):
    count = len(answer.split())
    return str(count) if count < 4 else "4-6" if count < 7 else "7+"


def story_scores(stories, answers, labels):
    """Returns accuracy, and by task, number of supporting facts and distance.

    Args:
        stories: A list of `Story`.
        answers: A word for each.
        labels: The answers that the model knows.

    Returns:
        accuracy; error, its mean over tasks; tasks_failed, those with an error above 5
        %; by_task; by_facts; by_distance, in sentences from the last supporting fact to
        the question; and unknown_answers, how many no label can be right for.
    """
    right = [[float(s.answer == a)] for s, a in zip(stories, answers, strict=True)]
    by_task = _by([story.task for story in stories], right, ("accuracy",))
    told = [n for n, story in enumerate(stories) if story.facts]
    facts = [str(len(stories[n].facts)) for n in told]
    distances = [
        _distance(len(stories[n].sentences) - max(stories[n].facts)) for n in told
    ]
    known = set(labels)
    errors = {task: 1 - row["accuracy"] for task, row in by_task.items()}
    return {
        "accuracy": float(np.mean(right)),
        "error": float(np.mean(list(errors.values()))),
        "tasks_failed": [task for task, error in errors.items() if error > FAILED],
        "by_task": by_task,
        "by_facts": _by(facts, [right[n] for n in told], ("accuracy",)),
        "by_distance": _by(distances, [right[n] for n in told], ("accuracy",)),
        "unknown_answers": sum(story.answer not in known for story in stories),
    }


def _distance(count):
    """Returns the name of the bin of a distance."""
    low = 0
    for high in DISTANCES:
        if count <= high:
            return str(high) if high == low + 1 else f"{low + 1}-{high}"
        low = high
    return f"{low + 1}+"


def _by(names, rows, metrics):
    """Returns for each name the means of its rows and how many there are."""
    groups = defaultdict(list)
    for name, row in zip(names, rows, strict=True):
        groups[name].append(row)
    found = {}
    for name in sorted(groups, key=lambda n: (_leading_number(n), n)):
        mean = np.mean(groups[name], axis=0)
        found[name] = {
            **{metric: float(m) for metric, m in zip(metrics, mean, strict=True)},
            "examples": len(groups[name]),
        }
    return found


def _leading_number(name):
    number = re.match(r"\d+", name)
    return int(number[0]) if number else 0
