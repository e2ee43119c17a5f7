"""Trains, evaluates, explains and exports the default recipe of every app."""

import argparse
import json
import time

import numpy as np

from apps.common.answers import encoded
from apps.common.portable.files import write_json
from apps.common.portable.terminal import report_errors
from experiments.answering import signature_of
from experiments.help import columns
from experiments.report import ANSWERS, write_report
from experiments.run import Request, run
from experiments.tasks import TASKS

VERBS = ["train", "evaluate", "explain", "export"]
SHOWN_S = 1  # shorter work is not worth a table


def main(arguments=None):
    """Runs the default recipe of the named apps, by default of all apps."""
    names = _parser().parse_args(arguments).apps or list(TASKS)
    with report_errors():
        for name in names:
            if name not in TASKS:
                raise ValueError(f"{name!r} is no app. Apps: {', '.join(TASKS)}.")
        run_all(names)


def run_all(names):
    """Runs the default recipe of each app, queries its export, writes the report."""
    began, seconds = time.monotonic(), {}
    for number, name in enumerate(names, 1):
        task = TASKS[name]
        print(f"\n== {number} of {len(names)}: {name}, {_minutes(began)} so far")
        results = run(task, Request(task.default_recipe, VERBS, [], None, []))
        asked = time.monotonic()
        _print_answers(results["export"], task)
        seconds[name] = {**results["seconds"], "answers": time.monotonic() - asked}
    page = write_report(TASKS.values())
    _print_seconds(seconds)
    print(f"\nDone in {_minutes(began)}. All of it on one page: {page}")


def _print_seconds(seconds):
    """Prints how long each verb took in each app, if any took long."""
    phases = [*VERBS, "answers"]
    if max(time for row in seconds.values() for time in row.values()) < SHOWN_S:
        return
    width = max(map(len, seconds))
    print(f"\n  {'seconds':<{width}}" + "".join(f"{phase:>10}" for phase in phases))
    for name, row in seconds.items():
        cells = "".join(f"{row[phase]:>10.0f}" for phase in phases)
        print(f"  {name:<{width}}{cells}")


def _minutes(began):
    return f"{(time.monotonic() - began) / 60:.1f} minutes"


def _print_answers(version, task):
    """Prints what the exported model answers to the examples; asks each export once.

    Args:
        version: Directory of the exported version, `RUN/export/APP/N`.
        task: A `Task`.
    """
    path = version.parents[2] / ANSWERS
    # Another export, or one of an older version of this project, is asked again.
    if not path.exists() or path.stat().st_mtime < version.stat().st_mtime:
        write_json(path, _answers(version, task))
    print("\nThe exported model answers:")
    for row in json.loads(path.read_text(encoding="utf-8")):
        print(f"  {row['question']!r}: {row['answer']}")


def _answers(version, task):
    """Returns the answers of the exported model to the examples, as rows."""
    names = inputs = task.questions
    if task.example_inputs:
        names, inputs = task.example_inputs(task.predictor(version.parents[2]))
    if isinstance(inputs, dict):
        columns = [encoded(inputs[name]) for name in sorted(inputs)]
    else:
        texts = isinstance(inputs[0], str)
        columns = [encoded(inputs) if texts else np.asarray(inputs, "float32")]
    outputs = signature_of(version, task.name)(*columns)
    return [
        {
            "question": question,
            "answer": ", ".join(
                f"{name} {_plain(outputs[name][index])}" for name in sorted(outputs)
            ),
        }
        for index, question in enumerate(names)
    ]


def _plain(value):
    """Returns a value of an output, as it is printed."""
    if isinstance(value, bytes):
        return value.decode()
    return np.asarray(value, float).round(3).tolist()


def _parser():
    apps = {
        task.name: f"{task.default_recipe}: {task.summary}" for task in TASKS.values()
    }
    parser = argparse.ArgumentParser(
        prog="python -m experiments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=columns([("apps and their default recipes", apps)]),
    )
    parser.add_argument(
        "apps", nargs="*", metavar="APP", help="apps to train (default: all)"
    )
    return parser


if __name__ == "__main__":
    main()
