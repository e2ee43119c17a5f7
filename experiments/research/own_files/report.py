"""Table of the accuracies of the methods on each set, with paired differences."""

import json
from datetime import date

import numpy as np

from apps.common.portable.files import write_json
from experiments.machine import hardware, versions
from experiments.tables import RESULTS, SENTIMENT_PAGE, markdown_table, update_tables

NAME, PAGE = "own_files", SENTIMENT_PAGE
RESULT = RESULTS / f"{NAME}.json"
COMMAND = f"python -m experiments.research.{NAME}"
NEW = "adapted"  # the method that is compared with the others


def table(points):
    """Returns the mean accuracies as a Markdown table: a row for each set.

    The last column is the mean difference of `NEW` and the better of the other methods,
    with its standard error over the splits. The last row is the mean over the sets.

    Args:
        points: Dictionaries: set, split, method and accuracy.
    """
    accuracy = {(p["set"], p["split"], p["method"]): p["accuracy"] for p in points}
    names, methods = ([*dict.fromkeys(p[k] for p in points)] for k in ("set", "method"))
    rows, means = [], []
    for name in names:
        splits = [
            split
            for split in sorted({p["split"] for p in points})
            if all((name, split, method) in accuracy for method in methods)
        ]
        if not splits:
            continue
        values = np.array([[accuracy[name, s, m] for m in methods] for s in splits])
        means.append(values.mean(axis=0))
        cells = [f"{mean:.3f}" for mean in means[-1]]
        rows.append((name, len(splits), *cells, difference(values, methods)))
    mean = np.mean(means, axis=0)
    gain = f"{_gain(mean, methods):+.3f}"
    rows.append(("mean", "", *(f"{value:.3f}" for value in mean), gain))
    return markdown_table(
        ("set", "splits", *methods, f"{NEW} against the better other"), rows
    )


def difference(values, methods):
    """Returns the mean difference of `NEW` and the better other method, as a text.

    Args:
        values: Accuracies `(splits, methods)`.
        methods: Names of the methods.
    """
    mean = values.mean(axis=0)
    new = methods.index(NEW)
    better = max((n for n in range(len(methods)) if n != new), key=lambda n: mean[n])
    gains = values[:, new] - values[:, better]
    if len(gains) == 1:
        return f"{gains[0]:+.3f}"
    error = gains.std(ddof=1) / len(gains) ** 0.5
    return f"{gains.mean():+.3f} ± {error:.3f}"


def _gain(mean, methods):
    others = [value for value, name in zip(mean, methods, strict=True) if name != NEW]
    return mean[methods.index(NEW)] - max(others)


def recorded_table():
    """Returns the Markdown of the recorded points, with command and hardware."""
    recorded = json.loads(RESULT.read_text(encoding="utf-8"))
    return (
        f"{table(recorded['points'])}\n\nAccuracy on the test parts, mean over the "
        "splits; ± is the standard error of the paired difference. "
        f"`{recorded['command']}` on {recorded['hardware']}, {recorded['date']}."
    )


def record(points):
    """Writes the points, and the table in the page."""
    result = {
        "command": f"{COMMAND} --record",
        "hardware": hardware(),
        "versions": versions(),
        "date": date.today().isoformat(),
        "points": points,
    }
    write_json(RESULT, result, indent=1)
    update_tables(PAGE, {NAME: recorded_table()})
