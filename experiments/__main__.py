"""Trains, evaluates, explains and exports the default recipe of every app."""

import argparse
import json
import signal
import sys
import time

import numpy as np

from apps.common.answers import encoded
from apps.common.finished import is_complete
from apps.common.portable.files import write_json
from apps.common.portable.terminal import report_errors
from experiments.answering import signature_of
from experiments.help import columns
from experiments.report import ANSWERS, write_report
from experiments.request import Request
from experiments.run import run
from experiments.side_by_side import MEMORY_GB, default_jobs, run_side_by_side
from experiments.tables import RESULTS
from experiments.task import run_directory
from experiments.tasks import TASKS

VERBS = ["train", "evaluate", "explain", "export"]
TYPED = ["train", "evaluate", "export", "explain"]  # a word after explain is its input
LEFT_OUT = 2  # exit code when an app is left out, as for any `ValueError`
SHOWN_S = 1  # shorter work is not worth a table


def main(arguments=None):
    """Runs the default recipe of the named apps, by default of all apps."""
    options = _parser().parse_args(arguments)
    names = options.apps or list(TASKS)
    with report_errors():
        for name in names:
            if name not in TASKS:
                raise ValueError(f"{name!r} is no app. Apps: {', '.join(TASKS)}.")
        jobs = default_jobs() if options.jobs is None else options.jobs
        if jobs < 1:
            raise ValueError(f"--jobs: expected at least 1. Received: {jobs}.")
        left_out = _left_out(names)
        _print_left_out(left_out)
        names = [name for name in names if name not in left_out]
        failed = run_all(names, jobs) if names else {}
    if names:
        _print_left_out(left_out)  # again, where it is seen after minutes of training
    if failed:
        print(f"Failed: {', '.join(failed)}. See above.", file=sys.stderr)
    if left_out or failed:
        sys.exit(max([LEFT_OUT if left_out else 1, *failed.values()]))


def _left_out(names):
    """Returns why this machine cannot train some of the apps, by name.

    An app that is done has all that it needs.
    """
    reasons = {}
    for name in names:
        task = TASKS[name]
        if task.obstacle and not _is_done(task):
            reason = task.obstacle(task.config(task.default_recipe, []))
            if reason:
                reasons[name] = reason
    return reasons


def _print_left_out(reasons):
    for name, reason in reasons.items():
        print(f"Left out: {name}. {reason}", file=sys.stderr, flush=True)


def run_all(names, jobs):
    """Runs the default recipe of each app, queries its export, writes the report.

    Args:
        names: Names of the apps.
        jobs: Number of apps that train at once; see `default_jobs`.

    Returns:
        The exit codes of the apps that failed, by name. With one job the first failure
        is raised.
    """
    began, seconds = time.monotonic(), {}
    failed = _train_side_by_side(names, jobs)
    names = [name for name in names if name not in failed]
    if not names:
        return failed
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
    return failed


def _train_side_by_side(names, jobs):
    """Trains, evaluates, explains and exports the apps that are not done.

    Does nothing if it is one app, or if `jobs` is 1. The apps whose training takes
    longest, by the recorded results, start first.

    Returns:
        The exit codes of the apps that failed, by name.
    """
    waiting = [name for name in names if not _is_done(TASKS[name])]
    jobs = min(jobs, len(waiting))
    if jobs < 2:
        return {}
    waiting.sort(key=_recorded_minutes, reverse=True)
    print(f"Training {jobs} apps at once: {', '.join(waiting)}", flush=True)
    return run_side_by_side(
        {
            name: [
                *(sys.executable, "-m", f"experiments.{name}"),
                *(TASKS[name].default_recipe, *TYPED),
            ]
            for name in waiting
        },
        jobs,
    )


def _is_done(task):
    """Returns whether the run of the default recipe has all that `VERBS` make."""
    config = task.config(task.default_recipe, [])
    return is_complete(run_directory(task, task.default_recipe, config), task.name)


def _recorded_minutes(name):
    path = RESULTS / name / f"{TASKS[name].default_recipe}.json"
    return json.loads(path.read_text(encoding="utf-8"))["train_minutes"]


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
    parser.add_argument(
        "--jobs",
        type=int,
        help="number of apps that train at once, each on its part of the cores "
        f"(default: one for each core and {MEMORY_GB} GB of memory; 1 with a GPU)",
    )
    return parser


if __name__ == "__main__":
    # Exits through `finally`, which ends the processes of the apps.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
