"""Trains, evaluates, explains and exports the default recipe of every app."""

import argparse
import contextlib
import io
import json
import signal
import sys
import time

from apps.common.finished import is_complete
from apps.common.portable.terminal import report_errors
from experiments.asking import EXAMPLES, answers_of_export, print_answers
from experiments.front_page import make_run
from experiments.help import columns
from experiments.report import write_report
from experiments.request import Request
from experiments.run import run
from experiments.side_by_side import MEMORY_GB, default_jobs, run_side_by_side
from experiments.tables import RESULTS
from experiments.task import RUNS, run_directory
from experiments.tasks import TASKS

VERBS = ["train", "evaluate", "explain", "export"]
TYPED = ["train", "evaluate", "export", "explain"]  # a word after explain is its input
LOG = RUNS / "make_run.log"  # what the apps print that train side by side
LEFT_OUT = 2  # exit code when an app is left out, as for any `ValueError`
OTHER_MINUTES = 0.8  # of an app: to start, evaluate, explain and export
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
        if options.record:
            _check_can_be_recorded(names)
        began = time.monotonic()
        failed = run_all(names, jobs) if names else {}
        if options.record and not failed:
            make_run.record((time.monotonic() - began) / 60)
    if names:
        _print_left_out(left_out)  # again, where it is seen after minutes of training
    if failed:
        print(f"Failed: {', '.join(failed)}. See above.", file=sys.stderr)
    if left_out or failed:
        sys.exit(max([LEFT_OUT if left_out else 1, *failed.values()]))


def _check_can_be_recorded(names):
    """Raises ValueError unless all apps are still to be trained."""
    waiting = [name for name in names if not _is_done(TASKS[name])]
    if waiting != list(TASKS):
        raise ValueError(
            "--record: expected that all apps are to be trained. Received: "
            f"{', '.join(waiting) or 'none'}. Move {RUNS} aside."
        )


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
    began, seconds, answers = time.monotonic(), {}, []
    _print_plan(names, jobs)
    trained, failed = _train_side_by_side(names, jobs)
    names = [name for name in names if name not in failed]
    if not names:
        return failed
    for number, name in enumerate(names, 1):
        task = TASKS[name]
        request = Request(task.default_recipe, VERBS, [], None, [])
        if name in trained:  # its process has printed all that there is to say
            with contextlib.redirect_stdout(io.StringIO()):
                results = run(task, request)
        else:
            print(f"\n== {number} of {len(names)}: {name}, {_minutes(began)} so far")
            results = run(task, request)
            seconds[name] = results["seconds"]
        version = results["export"]
        answers.append((task, version.parents[2], answers_of_export(task, version)))
    page = write_report(TASKS.values())
    _print_seconds(seconds)
    print_answers(answers)
    print(f"\nDone in {_minutes(began)}. All of it on one page: {page}")
    return failed


def _train_side_by_side(names, jobs):
    """Trains, evaluates, explains and exports the apps that are not done.

    Does nothing if it is one app, or if `jobs` is 1. The apps whose training takes
    longest, by the recorded results, start first.

    Returns:
        The names of the apps that it ran, and the exit codes of those that failed, by
        name.
    """
    waiting = [name for name in names if not _is_done(TASKS[name])]
    jobs = min(jobs, len(waiting))
    if jobs < 2:
        return [], {}
    waiting.sort(key=_recorded_minutes, reverse=True)
    failed = run_side_by_side(
        {
            name: [
                *(sys.executable, "-m", f"experiments.{name}"),
                *(TASKS[name].default_recipe, *TYPED),
            ]
            for name in waiting
        },
        jobs,
        LOG,
    )
    return waiting, failed


def _print_plan(names, jobs):
    """Prints what `run_all` will do, and for about how long."""
    waiting = [name for name in names if not _is_done(TASKS[name])]
    if waiting:
        apps = ", ".join(waiting)
        at_once = f", {jobs} at once" if jobs > 1 and len(waiting) > 1 else ""
        minutes = _expected_minutes(waiting, jobs)
        print(
            f"Trains, evaluates, explains and exports{at_once}: {apps}.\n"
            f"This takes about {minutes:.0f} minutes with cores like those of "
            "experiments/results, and the time of downloads."
        )
    if done := [name for name in names if name not in waiting]:
        print(f"Done before: {', '.join(done)}.")
    print(
        f"Then each export answers {EXAMPLES} inputs of its test split, and all of it "
        "goes on one page.",
        flush=True,
    )


def _expected_minutes(waiting, jobs):
    """Returns the minutes until the last app is done; see `_train_side_by_side`."""
    ends = [0] * jobs
    for minutes in sorted(map(_recorded_minutes, waiting), reverse=True):
        ends[ends.index(min(ends))] += minutes + OTHER_MINUTES
    return max(ends)


def _is_done(task):
    """Returns whether the run of the default recipe has all that `VERBS` make."""
    config = task.config(task.default_recipe, [])
    return is_complete(run_directory(task, task.default_recipe, config), task.name)


def _recorded_minutes(name):
    path = RESULTS / name / f"{TASKS[name].default_recipe}.json"
    return json.loads(path.read_text(encoding="utf-8"))["train_minutes"]


def _print_seconds(seconds):
    """Prints how long each verb took in each app, if any took long."""
    spent = [time for row in seconds.values() for time in row.values()]
    if max(spent, default=0) < SHOWN_S:
        return
    width = max(map(len, seconds))
    print(f"\n  {'seconds':<{width}}" + "".join(f"{verb:>10}" for verb in VERBS))
    for name, row in seconds.items():
        cells = "".join(f"{row[verb]:>10.0f}" for verb in VERBS)
        print(f"  {name:<{width}}{cells}")


def _minutes(began):
    return f"{(time.monotonic() - began) / 60:.1f} minutes"


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
    parser.add_argument(
        "--record",
        action="store_true",
        help=f"write the minutes to {make_run.RESULT.name} and to {make_run.PAGE.name}",
    )
    return parser


if __name__ == "__main__":
    # Exits through `finally`, which ends the processes of the apps.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
