"""Makes the table and the plots of the grid; records its results."""

import json
import shutil
from collections import defaultdict
from datetime import date
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from apps.common.metrics.plots import save_figure
from apps.common.portable.files import write_json
from experiments.machine import hardware
from experiments.research.long_term_dependencies.tasks import KINDS, TASKS
from experiments.tables import LSTM_PAGE, RESULTS, markdown_table

NAME, PAGE = "long_term_dependencies", LSTM_PAGE
RESULT = RESULTS / f"{NAME}.json"
PICTURES = ("success.png", "gradients.png", "curves.png")
COLORS = {"rnn": "tab:red", "gru": "tab:green", "lstm": "tab:blue", "chrono": "navy"}


def report(cells, directory):
    """Writes `results.json` and the plots; returns the Markdown table.

    Args:
        cells: The cells of the grid; each has its result.
        directory: The run directory.
    """
    directory = Path(directory)
    results = [
        json.loads(Path(directory, cell.path).read_text(encoding="utf-8"))
        for cell in cells
    ]
    rows = summary(results)
    write_json(directory / "results.json", rows, indent=1)
    _plot_success(rows, directory / "success.png")
    _plot_gradients(results, directory / "gradients.png")
    _plot_curves(results, directory / "curves.png")
    return table(rows)


def summary(results):
    """Returns a row for each task, gap and kind: scores, seeds and sequences.

    Args:
        results: Results of the cells.
    """
    groups = defaultdict(list)
    for result in results:
        groups[result["task"], result["gap"], result["kind"]].append(result)
    return [
        {
            "task": task,
            "gap": gap,
            "kind": kind,
            "units": group[0]["units"],
            "parameters": group[0]["parameters"],
            "scores": [round(result["score"], 4) for result in group],
            "solved": sum(result["solved"] for result in group),
            "seeds": len(group),
            "sequences": [result["curve"][-1]["sequences"] for result in group],
            "seconds": round(sum(result["seconds"] for result in group), 1),
        }
        for (task, gap, kind), group in sorted(groups.items(), key=_in_order)
    ]


def _in_order(item):
    task, gap, kind = item[0]
    return list(TASKS).index(task), gap, list(KINDS).index(kind)


def table(rows):
    """Returns the rows as a Markdown table with the mean score of each kind."""
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in rows)]
    by_task_and_gap = defaultdict(dict)
    for row in rows:
        by_task_and_gap[row["task"], row["gap"]][row["kind"]] = row
    return markdown_table(
        ("task", "gap", "chance", *(KINDS[kind] for kind in kinds)),
        [
            (
                *(TASKS[task].title, gap, f"{TASKS[task].chance:.3f}"),
                *(_table_cell(by_kind[kind]) for kind in kinds),
            )
            for (task, gap), by_kind in by_task_and_gap.items()
        ],
    )


def _table_cell(row):
    score = f"{np.mean(row['scores']):.3f} ({row['solved']}/{row['seeds']})"
    return f"**{score}**" if row["solved"] == row["seeds"] else score


def record(cells, directory):
    """Writes the results and plots of the whole grid to `experiments/results`.

    Raises:
        ValueError: If the grid is the quick one.
    """
    if len({cell.task for cell in cells}) < len(TASKS):
        raise ValueError("--record: needs the whole grid; leave --quick away.")
    rows = json.loads(Path(directory, "results.json").read_text(encoding="utf-8"))
    first = json.loads(Path(directory, cells[0].path).read_text(encoding="utf-8"))
    recorded = {
        "settings": first["settings"],
        "minutes_of_one_core": round(sum(row["seconds"] for row in rows) / 60, 1),
        "command": f"python -m experiments.research.{NAME} --record",
        "hardware": hardware(),
        "date": date.today().isoformat(),
        "rows": rows,
    }
    write_json(RESULT, recorded, indent=1)
    for picture in PICTURES:
        shutil.copyfile(Path(directory, picture), RESULTS / f"{NAME}_{picture}")
    return RESULT


def recorded_table():
    """Returns the Markdown table of the recorded grid, with command and hardware."""
    recorded = json.loads(RESULT.read_text(encoding="utf-8"))
    sizes = defaultdict(set)
    for row in recorded["rows"]:
        sizes[row["kind"]].add(row["units"])
    units = "; ".join(
        f"{KINDS[kind]} {' or '.join(map(str, sorted(of_kind)))}"
        for kind, of_kind in sizes.items()
    )
    settings = recorded["settings"]
    most = settings["batches"] * settings["batch_size"]
    return (
        f"{table(recorded['rows'])}\n\n"
        "Mean score over the seeds (accuracy; for adding the mean squared error), and "
        f"in how many of them the task was solved. Units: {units}. At most {most:,} "
        f"training sequences each. `{recorded['command']}`: "
        f"{recorded['minutes_of_one_core']} minutes of one core, "
        f"{recorded['hardware']}, {recorded['date']}."
    )


def _panels(tasks):
    figure, axes = plt.subplots(
        1,
        len(tasks),
        figsize=(4 * len(tasks), 3.4),
        layout="constrained",
        squeeze=False,
    )
    return figure, dict(zip(tasks, axes[0], strict=True))


def _plot_success(rows, path):
    figure, panels = _panels(list(dict.fromkeys(row["task"] for row in rows)))
    for task, panel in panels.items():
        for kind, label in KINDS.items():
            mine = [r for r in rows if (r["task"], r["kind"]) == (task, kind)]
            gaps = [row["gap"] for row in mine]
            panel.plot(
                *(gaps, [np.mean(row["scores"]) for row in mine], "o-"),
                color=COLORS[kind],
                label=label,
            )
        panel.axhline(TASKS[task].chance, color="gray", ls="--", label="chance")
        accuracy = bool(TASKS[task].classes)
        panel.set(
            title=TASKS[task].title,
            xlabel="gap, timesteps",
            ylabel="accuracy" if accuracy else "mean squared error",
        )
        panel.grid(alpha=0.3)
    panel.legend()
    save_figure(figure, path)


def _plot_gradients(results, path):
    measured = [r for r in results if r["gradients"]["before"] and r["seed"] == 1]
    tasks = list(dict.fromkeys(result["task"] for result in measured))
    if not tasks:
        return
    figure, panels = _panels(tasks)
    for task, panel in panels.items():
        mine = [result for result in measured if result["task"] == task]
        gap = max(result["gap"] for result in mine)
        for result in (result for result in mine if result["gap"] == gap):
            for when, line in (("before", ":"), ("after", "-")):
                # The state that reaches furthest: C of an LSTM, else h.
                norms = np.array(result["gradients"][when].get("c") or _h(result, when))
                distance = np.arange(len(norms))[::-1]
                panel.semilogy(
                    *(distance, np.maximum(norms, 1e-12), line),
                    color=COLORS[result["kind"]],
                    label=f"{KINDS[result['kind']]}, {when} training",
                )
        panel.set(
            title=f"{TASKS[task].title}, gap {gap}",
            xlabel="distance to the end, timesteps",
            ylabel="norm of d loss / d state",
        )
        panel.grid(alpha=0.3)
    panel.legend(fontsize="x-small")
    save_figure(figure, path)


def _h(result, when):
    return result["gradients"][when]["h"]


def _plot_curves(results, path):
    figure, panels = _panels(list(dict.fromkeys(result["task"] for result in results)))
    for task, panel in panels.items():
        mine = [result for result in results if result["task"] == task]
        gap = sorted({result["gap"] for result in mine})[1]
        seen = set()
        for result in (result for result in mine if result["gap"] == gap):
            kind = result["kind"]
            panel.plot(
                [point["sequences"] for point in result["curve"]],
                [point["score"] for point in result["curve"]],
                "o-",
                markersize=4,
                markevery=[-1],  # a curve of one point would be invisible without it
                color=COLORS[kind],
                alpha=0.7,
                label=None if kind in seen else KINDS[kind],
            )
            seen.add(kind)
        panel.set(
            title=f"{TASKS[task].title}, gap {gap}",
            xlabel="training sequences",
            ylabel="accuracy" if TASKS[task].classes else "mean squared error",
        )
        panel.grid(alpha=0.3)
    panel.legend()
    save_figure(figure, path)
