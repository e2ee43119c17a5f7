"""One page on the default runs: figures, curves, answers, gates, what to try next."""

import base64
import html
import json
from pathlib import Path

from apps.common.portable.files import atomic_write
from apps.common.portable.run_files import METRICS
from apps.common.portable.terminal import report_errors
from experiments.run import RUNS, run_directory

ANSWERS = "answers.json"
PLOTS = 3  # of a run's own, beside its learning curve
STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}
table{border-collapse:collapse}th,td{text-align:left;padding:.25rem .9rem .25rem 0;
border-bottom:1px solid #8885;vertical-align:top;overflow-wrap:anywhere}
th{white-space:nowrap}img{max-width:100%;background:#fff;margin:.5rem 0}
code{overflow-wrap:anywhere}
"""


def write_report(tasks, path=RUNS / "report.html"):
    """Writes the page on those default runs that are finished and measured.

    Args:
        tasks: `Task`s.
        path: HTML file.

    Returns:
        The path.

    Raises:
        ValueError: If no run is finished.
    """
    runs = [(task, _default_run(task)) for task in tasks]
    runs = [(task, run) for task, run in runs if (run / METRICS).exists()]
    if not runs:
        raise ValueError("No default run is measured yet. `make run` makes them.")
    rows = "".join(_row(task, run) for task, run in runs)
    sections = "".join(_section(task, run) for task, run in runs)
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Carousel: the runs of make run</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style>
<h1>What was trained</h1>
<p>Each model was trained with the default recipe of its app, a minute or so, and
measured once on texts or sounds that it had never met. <code>make serve</code> serves
all of them.</p>
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
    figures = ", ".join(
        f"{name.replace('_', ' ')} {metrics[name]:.3f}"
        for name in task.headline
        if metrics.get(name) is not None
    )
    split = f"{metrics['dataset']}, {metrics['examples']:,} {metrics['unit']}"
    cells = [
        f'<a href="#{task.name}">{_title(task)}</a>',
        html.escape(split),
        html.escape(figures),
        f"{metrics['train_minutes']:.1f} min",
        f"{metrics['parameters']:,}",
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _section(task, run):
    """Returns what the page says of one run."""
    parts = [
        f'<h2 id="{task.name}">{_title(task)}</h2><p>{html.escape(task.summary)}</p>'
    ]
    answers = run / ANSWERS
    if answers.exists():
        rows = "".join(
            f"<tr><td>{html.escape(row['question'])}</td>"
            f"<td>{html.escape(row['answer'])}</td></tr>"
            for row in json.loads(answers.read_text())
        )
        parts.append(f"<h3>What the exported model answers</h3><table>{rows}</table>")
    parts.append("<h3>How it learned</h3>" + _picture(run / "learning.png"))
    own = [path for path in sorted(run.glob("*.png")) if path.name != "learning.png"]
    parts += [_picture(path) for path in own[:PLOTS]]
    drawn = sorted((run / "explain").glob("*.png"))
    if drawn:
        parts.append(
            "<h3>What its gates did</h3><p>Bright: open. On the right, how much of the "
            "cell state each earlier step still makes up.</p>"
        )
        page = html.escape(
            str(drawn[0].with_suffix(".html").relative_to(run.parents[2]))
        )
        parts.append(f'<a href="{page}">{_picture(drawn[0])}</a>')
        parts.append(f'<p><a href="{page}">Look closer, value by value</a></p>')
    others = [name for name in task.recipes() if name != task.default_recipe]
    command = f"python -m experiments.{task.name}"
    question = html.escape(repr(task.questions[0]))
    parts.append(
        f"<h3>What to try next</h3><p>Your own input: <code>{command} explain "
        f"{question}</code>. Another recipe: {', '.join(others)}; "
        f"<code>{command} --help</code> says what they are.</p>"
    )
    return "\n".join(parts)


def _title(task):
    return task.name.replace("_", " ").capitalize()


def _picture(path):
    """Returns a picture, inside the page."""
    if not path.exists():
        return ""
    image = base64.b64encode(path.read_bytes()).decode()
    name = path.stem.replace("_", " ")
    return f'<p><img alt="{name}" src="data:image/png;base64,{image}"></p>'


def main():
    """Writes the page again from the runs that are there."""
    from experiments.__main__ import TASKS

    with report_errors():
        print(f"Report: {write_report(TASKS.values())}")


if __name__ == "__main__":
    main()
