"""Trains, evaluates, explains and exports the default recipe of every app."""

import argparse
import time

from apps.common.portable.files import write_json
from apps.common.portable.terminal import report_errors
from experiments.help import columns
from experiments.report import ANSWERS, write_report
from experiments.run import Request, run
from experiments.tasks import TASKS

VERBS = ["train", "evaluate", "explain", "export"]


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
    began = time.monotonic()
    for number, name in enumerate(names, 1):
        task = TASKS[name]
        print(f"\n== {number} of {len(names)}: {name}, {_minutes(began)} so far")
        results = run(task, Request(task.default_recipe, VERBS, [], None, []))
        _query_export(results["export"], task)
    page = write_report(TASKS.values())
    print(f"\nDone in {_minutes(began)}. All of it on one page: {page}")


def _minutes(began):
    return f"{(time.monotonic() - began) / 60:.1f} minutes"


def _query_export(version, task):
    """Prints what the exported model answers to the examples, and saves it.

    Args:
        version: Directory of the exported version, `RUN/export/APP/N`.
        task: A `Task`.
    """
    run_directory = version.parents[2]
    names = inputs = task.questions
    if task.example_inputs:
        names, inputs = task.example_inputs(task.predictor(run_directory))
    outputs = _outputs(version, inputs)
    print("\nThe exported model answers:")
    rows = []
    for index, question in enumerate(names):
        answer = ", ".join(
            f"{name} {_plain(outputs[name][index].numpy())}" for name in sorted(outputs)
        )
        print(f"  {question!r}: {answer}")
        rows.append({"question": question, "answer": answer})
    write_json(run_directory / ANSWERS, rows)


def _outputs(version, inputs):
    """Returns the outputs of the exported model's default signature, by name."""
    import tensorflow as tf

    loaded = tf.saved_model.load(version)
    signature = loaded.signatures["serving_default"]
    if isinstance(inputs, dict):
        return signature(**{name: tf.constant(x) for name, x in inputs.items()})
    return signature(tf.constant(inputs))


def _plain(value):
    if isinstance(value, bytes):
        return value.decode()
    return value.astype(float).round(3).tolist()


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
