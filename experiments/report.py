"""Writes one page about the default runs: answers, metrics, curves and gates."""

import argparse
import base64
import json
import shlex
from pathlib import Path

import jinja2

from apps.common.finished import read_history
from apps.common.portable.files import atomic_write
from apps.common.portable.run_files import (
    EXPLANATIONS,
    HISTORY,
    LEARNING_CURVE,
    METRICS,
)
from apps.common.portable.terminal import report_errors
from experiments.asking import ANSWERS, EXAMPLES
from experiments.closing import metric_rows, verdict
from experiments.curves import HEIGHT, WIDTH, learning_curves
from experiments.task import RUNS, run_directory
from experiments.tasks import TASKS

GENERATE = "generate"  # signature of a model that continues a text
TEMPLATE = Path(__file__).with_name("report.html")


def write_report(tasks, path=RUNS / "report.html"):
    """Writes the page about the default runs that are evaluated.

    Args:
        tasks: `Task`s.
        path: HTML file.

    Returns:
        The path.

    Raises:
        ValueError: If no run is evaluated.
    """
    runs = [(task, _default_run(task)) for task in tasks]
    runs = [(task, run) for task, run in runs if (run / METRICS).exists()]
    if not runs:
        raise ValueError("No default run is measured yet. `make run` trains them.")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    page = template.render(
        runs=[_description(task, run) for task, run in runs],
        examples=EXAMPLES,
        width=WIDTH,
        height=HEIGHT,
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _default_run(task):
    return run_directory(
        task, task.default_recipe, task.config(task.default_recipe, [])
    )


def _description(task, run):
    """Returns what the template shows of one run."""
    metrics = json.loads((run / METRICS).read_text(encoding="utf-8"))
    answers = run / ANSWERS
    value, baseline = verdict(task, metrics)
    title, _, summary = task.summary.partition(": ")
    curves = learning_curves(read_history(run)) if (run / HISTORY).exists() else []
    return {
        "name": task.name,
        "title": title,
        "summary": summary[:1].upper() + summary[1:],
        "metrics": metrics,
        "verdict": value,
        "baseline": baseline,
        "reached": [
            (n.replace("_", " "), text) for n, text in metric_rows(task, metrics)
        ],
        "answers": json.loads(answers.read_text("utf-8")) if answers.exists() else [],
        "curves": curves,
        "plots": list(map(_picture, _plots(run))),
        "gates": _gates(run),
        "commands": list(_commands(task, run)),
    }


def _plots(run):
    """Returns the app's own plots; its learning curves are drawn anew."""
    return [path for path in sorted(run.glob("*.png")) if path.name != LEARNING_CURVE]


def _gates(run):
    """Returns the first page of `explain`, which responds to the pointer, or None."""
    pages = sorted((run / EXPLANATIONS).glob("*.html"))
    return pages[0].read_text(encoding="utf-8") if pages else None


def _picture(path):
    image = base64.b64encode(path.read_bytes()).decode()
    return {"name": path.stem.replace("_", " "), "base64": image}


def _commands(task, run):
    """Yields commands to try next, each with what it does."""
    command = f"python -m experiments.{task.name}"
    recordings = sorted((run / EXPLANATIONS).glob("*.wav"))
    question = shlex.quote(str([*recordings, *task.questions][0]))
    if task.signature == GENERATE:
        generate = f"python -m apps.{task.name}.generate {shlex.quote(str(run))}"
        beginning = shlex.quote(task.questions[0].rstrip("."))
        yield f"{generate} {beginning}", "Let it continue your text"
        yield f"{command} predict {question}", "How likely is your text?"
    else:
        yield f"{command} predict {question}", "Ask it your own"
    yield f"{command} explain {question}", "Draw its gates"
    yield f"{command} --help", "Other recipes, your own data, all settings"


def main(arguments=None):
    """Writes the page from the existing runs."""
    argparse.ArgumentParser(
        prog="python -m experiments.report", description=__doc__
    ).parse_args(arguments)
    with report_errors():
        print(f"Report: {write_report(TASKS.values())}")


if __name__ == "__main__":
    main()
