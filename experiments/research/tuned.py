"""Shows what an hour of `tune` gains for three recipes of three apps.

    python -m experiments.sentiment movie_snippets tune
    python -m experiments.speech_commands synthetic tune
    python -m experiments.summarization wikipedia_descriptions_long tune
    python -m experiments.research.tuned --record

Each takes an hour, and prints how to evaluate its best trial, which is done before.
"""

import argparse
import csv
import json
from datetime import date

import optuna

from apps.common.portable.files import write_json
from apps.common.portable.run_files import METRICS
from apps.common.portable.terminal import report_errors
from experiments.machine import hardware, versions
from experiments.record import RESULT as RECIPES
from experiments.tables import RESULTS, TUNE_PAGE, markdown_table, update_tables
from experiments.task import RUNS
from experiments.tasks import TASKS
from experiments.tuning.command import USED_S
from experiments.tuning.outcome import TABLE
from experiments.tuning.study import STUDY, STUDY_NAME, trial_directory

NAME, PAGE = "tuned", TUNE_PAGE
RESULT = RESULTS / f"{NAME}.json"
COMMAND = f"python -m experiments.research.{NAME}"
TUNED = (
    ("sentiment", "movie_snippets"),
    ("speech_commands", "synthetic"),
    ("summarization", "wikipedia_descriptions_long"),
)
COLUMNS = (
    *("recipe", "trials", "minutes", "validation: recipe", "tuned"),
    *("test: recipe", "tuned", "settings"),
)
NO_SETTINGS = 5  # columns of trials.csv before the settings


def row_of(task, recipe):
    """Returns what a study found, a dictionary; None if there is no study.

    Args:
        task: A `Task`.
        recipe: Name of the recipe that was tuned.

    Raises:
        ValueError: If the best trial is not evaluated.
    """
    directory = RUNS / task.name / recipe / "tune"
    if not (directory / TABLE).exists():
        return None
    study = optuna.load_study(
        study_name=STUDY_NAME, storage=f"sqlite:///{directory / STUDY}"
    )
    best = study.best_trial.number
    metrics = trial_directory(directory, best) / METRICS
    if not metrics.exists():
        raise ValueError(
            f"{metrics}: the file is missing. Evaluate the trial, by the command that "
            "`tune` printed."
        )
    measured = json.loads(metrics.read_text(encoding="utf-8"))
    return {
        "task": task.name,
        "recipe": recipe,
        "monitor": task.monitor()[0],
        "trials": len(study.trials),
        "minutes": round(study.user_attrs[USED_S] / 60),
        "validation": [study.trials[0].value, study.best_trial.value],
        "test": {name: round(measured[name], 4) for name in task.headline},
        "settings": _settings(directory / TABLE, best),
        "hardware": hardware(),
        "date": date.today().isoformat(),
    }


def _settings(path, number):
    """Returns the settings of a trial that differ from those of the first one."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [*rows[0]][NO_SETTINGS:]
    return {n: rows[number][n] for n in names if rows[number][n] != rows[0][n]}


def recorded_table():
    """Returns the Markdown table of the recorded studies, with their circumstances."""
    recorded = json.loads(RESULT.read_text(encoding="utf-8"))
    rows = recorded["rows"]
    machines = " and ".join(sorted({row["hardware"] for row in rows}))
    return (
        f"{markdown_table(COLUMNS, map(_cells, rows))}\n\n"
        f"`{recorded['command']}`: {machines}, {max(row['date'] for row in rows)}."
    )


def _cells(row):
    path = RECIPES / row["task"] / f"{row['recipe']}.json"
    before = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    settings = " ".join(f"`{name}={_short(v)}`" for name, v in row["settings"].items())
    first, best = row["validation"]
    return (
        *(f"`{row['recipe']}`", row["trials"], row["minutes"]),
        *(f"{row['monitor'].removeprefix('val_')} {first:.4f}", f"{best:.4f}"),
        *(_metrics(before), _metrics(row["test"])),
        settings or "those of the recipe",
    )


def _metrics(metrics):
    """Returns metrics in words; of several seeds their mean."""
    return ", ".join(
        f"{name} {value['mean'] if isinstance(value, dict) else value:.3f}"
        for name, value in metrics.items()
    )


def _short(value):
    """Returns a number with three digits, and a word as it is."""
    try:
        return f"{float(value):.3g}"
    except ValueError:
        return value


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.name}")
    options = parser.parse_args(arguments)
    with report_errors():
        rows = [row_of(TASKS[task], recipe) for task, recipe in TUNED]
        rows = [row for row in rows if row]
        if not rows:
            raise ValueError("There is no study yet. Run the commands of --help first.")
        print(markdown_table(COLUMNS, map(_cells, rows)))
        if options.record:
            result = {"command": f"{COMMAND} --record", "versions": versions()}
            write_json(RESULT, {**result, "rows": rows}, indent=1)
            update_tables(PAGE, {NAME: recorded_table()})
            print(f"Recorded: {RESULT}")


if __name__ == "__main__":
    main()
