"""The verb `record`: writes the metrics of evaluated runs to `experiments/results`."""

import itertools
import json
from dataclasses import asdict
from datetime import date
from operator import itemgetter
from pathlib import Path

import numpy as np

from apps.common.choices import with_choices_of
from apps.common.config import load_config, load_run_config
from apps.common.portable.files import write_json
from apps.common.portable.run_files import CONFIG, METRICS
from experiments.machine import hardware, versions
from experiments.published import published_figures
from experiments.tables import RESULTS, RESULTS_PAGE, markdown_table
from experiments.task import RUNS

NAME, PAGE = "results", RESULTS_PAGE
RESULT = RESULTS  # a directory: <task>/<recipe>.json
COLUMNS = ("recipe", "result", "baseline", "published", "training")


def record(task, recipe, runs=()):
    """Writes `experiments/results/<task>/<recipe>.json` from evaluated runs.

    Args:
        task: A `Task`.
        recipe: Name of the recipe.
        runs: Run directories, one per seed or per fold; by default all under
            `runs/<task>/<recipe>`.

    Returns:
        The path of the file.

    Raises:
        ValueError: If a run is not evaluated, or if runs differ in more than their
            seed and their fold.
    """
    runs = _evaluated_runs(task, recipe, runs)
    seeds, folds = _seeds_and_folds(task, recipe, runs)
    metrics = [json.loads((run / METRICS).read_text()) for run in runs]
    path = RESULT / task.name / f"{recipe}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, _result(task, recipe, metrics, seeds, folds))
    return path


def recorded_table():
    """Returns a Markdown table for each task, with one row per recorded recipe."""
    results = [json.loads(path.read_text()) for path in sorted(RESULT.glob("*/*.json"))]
    return "\n\n".join(
        f"## {task}\n\n{markdown_table(COLUMNS, map(_table_row, of_task))}"
        for task, of_task in itertools.groupby(results, itemgetter("task"))
    )


def _evaluated_runs(task, recipe, runs):
    """Returns the run directories; refuses runs without metrics."""
    runs = [Path(run) for run in runs] or sorted(
        (RUNS / task.name / recipe).glob("seed-*")
    )
    if not runs:
        raise ValueError(
            f"There is no run of {recipe} yet. Train one, then evaluate it."
        )
    for run in runs:
        if not (run / METRICS).exists():
            raise ValueError(
                f"{run} has no {METRICS}. Evaluate it, or name other runs."
            )
    return runs


def _seeds_and_folds(task, recipe, runs):
    """Returns the seeds in order, and the fold of each run of a cross-validation.

    Raises:
        ValueError: If the runs and the recipe differ in more than seed and fold.
    """
    config_class = task.config_class()
    configs = [load_run_config(config_class, run / CONFIG) for run in runs]
    variants = [_variant(task, config) for config in configs]
    _check_variants(runs, variants)
    recipe_config = load_config(config_class, task.recipe_path(recipe))
    recipe_variant = _variant(task, with_choices_of(recipe_config, configs[0]))
    _check_recipe(recipe, recipe_variant, runs[0], variants[0])
    seeds = sorted({seed for _, seed, _ in variants})
    folds = [fold for *_, fold in variants if fold]
    if folds and (len(folds) < len(runs) or len(seeds) > 1):
        raise ValueError(
            f"data.{task.fold}: expected a run of one seed for each fold. Received: "
            f"{', '.join(map(str, runs))}."
        )
    return seeds, folds


def _variant(task, config):
    """Returns the settings without seed, fold and data directory; the seed; the fold.

    The data directory depends on the machine.
    """
    settings = asdict(config)
    settings["data"].pop("directory", None)
    seed = settings["train"].pop("seed")
    fold = settings["data"].pop(task.fold) if task.fold else ""
    return settings, seed, fold


def _check_variants(runs, variants):
    """Refuses runs that differ in more than seed and fold, or not even in these."""
    settings = [variant[0] for variant in variants]
    seeds_and_folds = {variant[1:] for variant in variants}
    same_settings = all(one == settings[0] for one in settings)
    if not same_settings or len(seeds_and_folds) < len(runs):
        raise ValueError(
            "Expected runs that differ in their seed and in nothing else. "
            f"Received: {', '.join(map(str, runs))}."
        )


def _check_recipe(recipe, recipe_variant, run, variant):
    """Refuses a run whose settings are not those of the recipe."""
    expected, _, recipe_fold = recipe_variant
    settings, _, fold = variant
    if settings != expected or bool(fold) != bool(recipe_fold):
        raise ValueError(
            f"{run} was trained with other settings than the recipe {recipe} has. "
            "Record a run of the recipe, or name the recipe of this run."
        )


def _result(task, recipe, metrics, seeds, folds):
    """Returns the content of the recorded file."""
    first = metrics[0]
    names = [name for name in task.headline if first[name] is not None]
    examples = [run["examples"] for run in metrics]
    minutes = float(np.mean([run["train_minutes"] for run in metrics]))
    return {
        "task": task.name,
        "recipe": recipe,
        "dataset": first["dataset"],
        "split": first["split"],
        "examples": sum(examples) if folds else examples[0],
        "unit": first["unit"],
        "metrics": {
            name: _mean_and_std([run[name] for run in metrics]) for name in names
        },
        **_baseline_and_intervals(names, metrics),
        "folds": _metrics_by_fold(names, metrics, folds),
        "seeds": seeds,
        "parameters": first["parameters"],
        "train_minutes": round(minutes, 1),
        "hardware": hardware(),
        "command": _command(task, recipe, seeds, folds),
        "versions": versions(),
        "date": date.today().isoformat(),
    }


def _baseline_and_intervals(names, metrics):
    """Returns the baseline, its metrics averaged over runs; of one run the intervals.

    Runs that were evaluated before these existed have none.
    """
    recorded = {}
    baselines = [run.get("baseline") for run in metrics]
    if all(baselines):
        values = {
            name: float(np.mean([baseline[name] for baseline in baselines]))
            for name in names
            if baselines[0].get(name) is not None
        }
        recorded["baseline"] = {
            "name": baselines[0]["name"],
            **{name: round(value, 4) for name, value in values.items()},
        }
    if len(metrics) == 1 and "intervals" in metrics[0]:
        recorded["intervals"] = {
            name: [round(bound, 4) for bound in bounds]
            for name, bounds in metrics[0]["intervals"].items()
            if name in names
        }
    return recorded


def _metrics_by_fold(names, metrics, folds):
    if not folds:
        return {}
    return {
        fold: {name: round(run[name], 4) for name in names}
        for fold, run in zip(folds, metrics, strict=True)
    }


def _mean_and_std(values):
    """Returns mean and standard deviation of several values, or the one value."""
    if len(values) == 1:
        return round(values[0], 4)
    mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
    return {"mean": round(mean, 4), "std": round(std, 4)}


def _command(task, recipe, seeds, folds):
    """Returns the shell command that trains and evaluates the recorded runs again."""
    train = f"python -m experiments.{task.name} {recipe} train evaluate train.seed="
    if folds:
        return (
            f"for fold in {' '.join(folds)}; do "
            f"{train}{seeds[0]} data.{task.fold}=$fold; done"
        )
    if len(seeds) == 1:
        return f"{train}{seeds[0]}"
    return f"for seed in {' '.join(map(str, seeds))}; do {train}$seed; done"


def _table_row(result):
    """Returns the cells of a recorded recipe."""
    examples = f"{result['examples']:,} {result['split']}"
    seeds = len(result["seeds"])
    return (
        f"`{result['recipe']}`: {result['dataset']}, {examples} "
        f"{result.get('unit', 'examples')}",
        ", ".join(f"{name} {_value_cell(result, name)}" for name in result["metrics"]),
        _baseline_cell(result),
        "; ".join(published_figures(result["task"], result["recipe"])),
        f"{result['parameters']:,} parameters, {result['train_minutes']:g} min"
        + (f", mean of {seeds} seeds" if seeds > 1 else ""),
    )


def _value_cell(result, name):
    """Returns value or mean and deviation; for the first metric each fold as well."""
    value = result["metrics"][name]
    cell = (
        f"{value['mean']:.3f} ± {value['std']:.3f}"
        if isinstance(value, dict)
        else f"{value:.3f}"
    )
    folds = result.get("folds", {})
    if not folds or name != next(iter(result["metrics"])):
        return cell
    by_fold = ", ".join(f"{fold} {row[name]:.3f}" for fold, row in folds.items())
    return f"{cell} ({by_fold})"


def _baseline_cell(result):
    """Returns the baseline's value of the first metric, and its name."""
    baseline = result.get("baseline")
    if not baseline:
        return ""
    return f"{baseline[next(iter(result['metrics']))]:.3f}, {baseline['name']}"
