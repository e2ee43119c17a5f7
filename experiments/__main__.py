"""Everything in a row: the default recipe of every app, trained, measured, exported."""

import json
import os
import sys
import time

from apps.common.portable.files import atomic_write
from apps.common.portable.terminal import report_errors
from experiments import (
    language_modeling,
    question_answering,
    sentiment,
    speech_commands,
    summarization,
)
from experiments.report import ANSWERS, write_report
from experiments.run import Request, run

TASKS = {
    task.TASK.name: task.TASK
    for task in (
        language_modeling,
        sentiment,
        speech_commands,
        summarization,
        question_answering,
    )
}


def main():
    """Runs the default recipe of the apps named, or of all."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with report_errors():
        names, began = sys.argv[1:] or list(TASKS), time.monotonic()
        for name in names:
            if name not in TASKS:
                raise ValueError(f"{name!r} is no app. Apps: {', '.join(TASKS)}.")
        for number, name in enumerate(names, 1):
            task = TASKS[name]
            print(f"\n== {number} of {len(names)}: {name}, {_minutes(began)} so far")
            request = Request(
                task.default_recipe,
                ["train", "evaluate", "explain", "export"],
                [],
                None,
                [],
            )
            done = run(task, request)
            _ask(done["export"], task)
        page = write_report(TASKS.values())
        print(f"\nDone in {_minutes(began)}. All of it on one page: {page}")


def _minutes(began):
    return f"{(time.monotonic() - began) / 60:.1f} minutes"


def _ask(version, task):
    """Asks the exported model, not the one that was trained; notes what it answers."""
    import tensorflow as tf

    names = inputs = task.questions
    if task.asked:
        names, inputs = task.asked(task.predictor(version.parents[2]))

    print("\nThe exported model answers:")
    loaded = tf.saved_model.load(version)
    served = loaded.signatures["serving_default"]
    if isinstance(inputs, dict):
        answers = served(**{name: tf.constant(x) for name, x in inputs.items()})
    else:
        answers = served(tf.constant(inputs))
    noted = []
    for index, question in enumerate(names):
        shown = {name: answers[name][index].numpy() for name in sorted(answers)}
        text = ", ".join(f"{name} {_plain(value)}" for name, value in shown.items())
        print(f"  {question!r}: {text}")
        noted.append({"question": question, "answer": text})
    with atomic_write(version.parents[2] / ANSWERS) as temporary:
        temporary.write_text(json.dumps(noted, indent=2) + "\n", encoding="utf-8")


def _plain(value):
    return (
        value.decode()
        if isinstance(value, bytes)
        else value.astype(float).round(3).tolist()
    )


if __name__ == "__main__":
    main()
