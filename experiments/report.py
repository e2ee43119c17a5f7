"""Writes one page about the default runs: metrics, curves, answers and gates."""

import argparse
import base64
import html
import json
from pathlib import Path

from apps.common.portable.files import atomic_write
from apps.common.portable.run_files import METRICS
from apps.common.portable.terminal import report_errors
from experiments.task import RUNS, run_directory
from experiments.tasks import TASKS

ANSWERS = "answers.json"
PLOTS = 3  # maximum number per run, without its learning curve
STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}
table{border-collapse:collapse}th,td{text-align:left;padding:.25rem .9rem .25rem 0;
border-bottom:1px solid #8885;vertical-align:top;overflow-wrap:anywhere}
th{white-space:nowrap}img{max-width:100%;background:#fff;margin:.5rem 0}
code{overflow-wrap:anywhere}
"""


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
    rows = "".join(_row(task, run) for task, run in runs)
    sections = "".join(_section(task, run) for task, run in runs)
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Carousel: the runs of make run</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style>
<h1>Trained models</h1>
<p>Each model was trained with the default recipe of its app, for about a minute, and
evaluated once on its test split. <code>make serve</code> serves all of them.</p>
<table><tr><th>app</th><th>data</th><th>test split</th><th>training</th>
<th>parameters</th></tr>{rows}</table>
{sections}</html>
"""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _default_run(task):
    return run_directory(
        task, task.default_recipe, task.config(task.default_recipe, [])
    )


def _row(task, run):
    metrics = json.loads((run / METRICS).read_text())
    headline = ", ".join(
        f"{name.replace('_', ' ')} {metrics[name]:.3f}"
        for name in task.headline
        if metrics.get(name) is not None
    )
    split = f"{metrics['dataset']}, {metrics['examples']:,} {metrics['unit']}"
    cells = [
        f'<a href="#{task.name}">{_title(task)}</a>',
        html.escape(split),
        html.escape(headline),
        f"{metrics['train_minutes']:.1f} min",
        f"{metrics['parameters']:,}",
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _section(task, run):
    """Returns the HTML section of one run."""
    plots = [path for path in sorted(run.glob("*.png")) if path.name != "learning.png"]
    return "\n".join(
        [
            f'<h2 id="{task.name}">{_title(task)}</h2>'
            f"<p>{html.escape(task.summary)}</p>",
            _answers(run),
            f"<h3>Learning curve</h3>{_picture(run / 'learning.png')}",
            *map(_picture, plots[:PLOTS]),
            _gates(run),
            _next_commands(task),
        ]
    )


def _answers(run):
    """Returns the answers of the exported model as HTML; "" without answers."""
    if not (run / ANSWERS).exists():
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(row['question'])}</td>"
        f"<td>{html.escape(row['answer'])}</td></tr>"
        for row in json.loads((run / ANSWERS).read_text())
    )
    return f"<h3>Answers of the exported model</h3><table>{rows}</table>"


def _gates(run):
    """Returns the first picture of `explain` with a link to its page, or ""."""
    pictures = sorted((run / "explain").glob("*.png"))
    if not pictures:
        return ""
    page = pictures[0].with_suffix(".html").relative_to(run.parents[2])
    link = f'<a href="{html.escape(str(page))}">'
    return (
        "<h3>Gates</h3><p>Bright: open. On the right: how much each earlier step still "
        f"contributes to the cell state.</p>\n{link}{_picture(pictures[0])}</a>\n"
        f"<p>{link}Every value of the gates</a></p>"
    )


def _next_commands(task):
    recipes = [name for name in task.recipes() if name != task.default_recipe]
    command = f"python -m experiments.{task.name}"
    question = html.escape(repr(task.questions[0]))
    return (
        f"<h3>What to try next</h3><p>Your own input: <code>{command} explain "
        f"{question}</code>. Another recipe: {', '.join(recipes)}; "
        f"<code>{command} --help</code> describes them.</p>"
    )


def _title(task):
    return task.name.replace("_", " ").capitalize()


def _picture(path):
    """Returns an image element that contains the picture; "" without a file."""
    if not path.exists():
        return ""
    image = base64.b64encode(path.read_bytes()).decode()
    name = path.stem.replace("_", " ")
    return f'<p><img alt="{name}" src="data:image/png;base64,{image}"></p>'


def main(arguments=None):
    """Writes the page from the existing runs."""
    argparse.ArgumentParser(
        prog="python -m experiments.report", description=__doc__
    ).parse_args(arguments)
    with report_errors():
        print(f"Report: {write_report(TASKS.values())}")


if __name__ == "__main__":
    main()
