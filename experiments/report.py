"""Writes one page about the default runs: metrics, curves, answers and gates."""

import argparse
import base64
import json
import shlex
from pathlib import Path

import jinja2

from apps.common.portable.files import atomic_write
from apps.common.portable.run_files import EXPLANATIONS, LEARNING_CURVE, METRICS
from apps.common.portable.terminal import report_errors
from experiments.closing import metric_rows
from experiments.task import RUNS, run_directory
from experiments.tasks import TASKS

ANSWERS = "answers.json"
PLOTS = 4  # maximum number per run, without its learning curve
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
    page = template.render(runs=[_description(task, run) for task, run in runs])
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
    headline = (
        f"{name.replace('_', ' ')} {metrics[name]:.3f}"
        for name in task.headline
        if metrics.get(name) is not None
    )
    answers = run / ANSWERS
    return {
        "name": task.name,
        "title": task.name.replace("_", " ").capitalize(),
        "summary": task.summary,
        "metrics": metrics,
        "headline": ", ".join(headline),
        "reached": [
            (n.replace("_", " "), text) for n, text in metric_rows(task, metrics)
        ],
        "answers": json.loads(answers.read_text()) if answers.exists() else [],
        "plots": list(map(_picture, _plots(run))),
        "gates": _gates(run),
        "command": f"python -m experiments.{task.name}",
        "question": shlex.quote(task.questions[0]),
        "recipes": [name for name in task.recipes() if name != task.default_recipe],
    }


def _plots(run):
    """Returns the learning curve, then some of the app's own plots."""
    curve = run / LEARNING_CURVE
    others = [path for path in sorted(run.glob("*.png")) if path != curve]
    return [path for path in (curve, *others[:PLOTS]) if path.exists()]


def _gates(run):
    """Returns the first picture of `explain` and the page beside it, or None."""
    pictures = sorted((run / EXPLANATIONS).glob("*.png"))
    if not pictures:
        return None
    page = pictures[0].with_suffix(".html").relative_to(run.parents[2])
    return {**_picture(pictures[0]), "page": str(page)}


def _picture(path):
    image = base64.b64encode(path.read_bytes()).decode()
    return {"name": path.stem.replace("_", " "), "base64": image}


def main(arguments=None):
    """Writes the page from the existing runs."""
    argparse.ArgumentParser(
        prog="python -m experiments.report", description=__doc__
    ).parse_args(arguments)
    with report_errors():
        print(f"Report: {write_report(TASKS.values())}")


if __name__ == "__main__":
    main()
