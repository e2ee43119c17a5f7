"""Results are commands: what finished runs reached, and the README's table of it."""

import json
import platform
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

from apps.common.config import load_config
from apps.common.portable.files import atomic_write
from apps.common.portable.run_files import CONFIG, METRICS

RESULTS = Path(__file__).parent
README = Path(__file__).parents[2] / "README.md"
LSTM_PAGE = README.parent / "docs" / "lstm.md"
DATA_PAGE, SCALE_PAGE = (LSTM_PAGE.with_name(f"{n}.md") for n in ("data", "scale"))
BENCHMARK = RESULTS / "benchmark.json"
LOAD = RESULTS / "load.json"
BEGIN, END = "<!-- {}: made by `make results` -->", "<!-- end of {} -->"
VERSIONS = ("tensorflow", "keras", "numpy", "scikit-learn")


def record(task, recipe, runs=()):
    """Writes `experiments/results/<task>/<recipe>.json` from evaluated runs.

    Args:
        task: A `Task`.
        recipe: Name of the recipe.
        runs: Run directories, one a seed; by default all under `runs/<task>/<recipe>`.

    Returns:
        The path of the file.

    Raises:
        ValueError: If a run is not evaluated, or runs differ in more than their seed
            and their fold.
    """
    runs = [Path(run) for run in runs] or sorted(
        Path("runs", task.name, recipe).glob("seed-*")
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
    config_class = task.config_class()
    configs = [_settings(load_config(config_class, run / CONFIG)) for run in runs]
    kinds = [_seed_and_fold(task, config) for config in configs]
    if any(config != configs[0] for config in configs) or len(set(kinds)) < len(kinds):
        raise ValueError(
            f"Expected runs that differ in their seed and in nothing else. "
            f"Received: {', '.join(map(str, runs))}."
        )
    intended = _settings(load_config(config_class, task.recipe_path(recipe)))
    _, fold = _seed_and_fold(task, intended)
    if configs[0] != intended or bool(fold) != bool(kinds[0][1]):
        raise ValueError(
            f"{runs[0]} was trained with other settings than the recipe {recipe} has; "
            "a result belongs to its recipe."
        )
    found = [json.loads((run / METRICS).read_text()) for run in runs]
    names = [name for name in task.headline if found[0][name] is not None]
    seeds = sorted({seed for seed, _ in kinds})
    folds = [fold for _, fold in kinds if fold]
    if folds and (len(folds) < len(runs) or len(seeds) > 1):
        raise ValueError(
            f"data.{task.fold}: expected a run of one seed for each fold. Received: "
            f"{', '.join(map(str, runs))}."
        )
    result = {
        "task": task.name,
        "recipe": recipe,
        "dataset": found[0]["dataset"],
        "split": found[0]["split"],
        "examples": sum(f["examples"] for f in found)
        if folds
        else found[0]["examples"],
        "unit": found[0]["unit"],
        "metrics": {name: _aggregate([f[name] for f in found]) for name in names},
        "folds": {
            fold: {name: round(f[name], 4) for name in names}
            for fold, f in zip(folds, found, strict=bool(folds))
        },
        "seeds": seeds,
        "parameters": found[0]["parameters"],
        "train_minutes": round(float(np.mean([f["train_minutes"] for f in found])), 1),
        "hardware": hardware(),
        "command": _command(task, recipe, seeds, folds),
        "versions": {package: version(package) for package in VERSIONS},
        "date": date.today().isoformat(),
    }
    path = RESULTS / task.name / f"{recipe}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(result, indent=2) + "\n")
    return path


def _seed_and_fold(task, settings):
    """Takes what tells runs of a recipe apart out of their settings."""
    fold = settings["data"].pop(task.fold) if task.fold else ""
    return settings["train"].pop("seed"), fold


def _settings(config):
    """Returns a configuration without what is a matter of the machine."""
    settings = asdict(config)
    settings["data"].pop("directory", None)
    return settings


def results_table():
    """Returns the Markdown table of all recorded results."""
    lines = [
        "| task | recipe | data | measure | result | seeds | parameters | training |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted(RESULTS.glob("*/*.json")):
        result = json.loads(path.read_text())
        for name, value in result["metrics"].items():
            shown = (
                f"{value['mean']:.3f} ± {value['std']:.3f}"
                if isinstance(value, dict)
                else f"{value:.3f}"
            )
            folds = result.get("folds", {}).items()
            if folds and name == next(iter(result["metrics"])):
                each = ", ".join(f"{fold} {found[name]:.3f}" for fold, found in folds)
                shown += f" ({each})"
            lines.append(
                f"| {result['task']} | `{result['recipe']}` | {result['dataset']}, "
                f"{result['examples']:,} {result['split']} "
                f"{result.get('unit', 'examples')} | {name} "
                f"| {shown} | "
                f"{len(result['seeds'])} | {result['parameters']:,} | "
                f"{result['train_minutes']:g} min |"
            )
    return "\n".join(lines)


def benchmark_table(path=BENCHMARK):
    """Returns the Markdown table of the recorded benchmark of the layer.

    Keras counts with the faster of its two modes, with and without XLA.
    """
    result = json.loads(path.read_text())
    lines = [
        "| batch x timesteps x features x units | pass | ours, ms | Keras / ours "
        "| PyTorch / ours | share of the machine's matmul rate |",
        "|---|---|---|---|---|---|",
    ]
    for name, shapes in result["layers"].items():
        lines += [_benchmark_row(shape, name, rows) for shape, rows in shapes.items()]
    lines += [
        _benchmark_row(f"the model of {task}", "training step", rows)
        for task, rows in result["fit"].items()
    ]
    lines += ["", f"Measured on {result['hardware']}, {result['date']}."]
    if result["peak_megabytes"]:
        peaks = "; ".join(
            f"{shape}: {peak['lstm_layer']} MB, Keras {peak['keras']} MB"
            for shape, peak in result["peak_megabytes"].items()
        )
        lines[-1] += f" Memory that training adds at its peak: {peaks}."
    return "\n".join(lines)


def load_table(path=LOAD):
    """Returns the Markdown table of the recorded load on the embedded server."""
    result = json.loads(path.read_text())
    lines = [
        "| model | clients | requests a second | p50, ms | p95, ms | p99, ms | one by "
        "one: requests a second | p99, ms | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for app, by_clients in result["load"].items():
        for clients, row in by_clients.items():
            ours, base = row["joined"], row["one by one"]
            cells = (
                app,
                clients,
                f"{ours['requests_per_second']:.0f}",
                *(f"{ours[f'p{n}_ms']:.1f}" for n in (50, 95, 99)),
                f"{base['requests_per_second']:.0f}",
                f"{base['p99_ms']:.1f}",
                f"{row['ratio']:.2f}",
            )
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Measured on {result['hardware']}, {result['date']}."]
    if soak := result.get("soak"):
        memory = ", ".join(map(str, soak["megabytes_by_minute"]))
        lines[-1] += (
            f" {soak['minutes']} minutes of {soak['clients']} clients on "
            f"{soak['app']}, with {soak['versions']} versions one after the other: "
            f"{soak['answered']:,} answers, {soak['failed']} failures, memory by "
            f"minute {memory} MB."
        )
    return "\n".join(lines)


def _benchmark_row(what, name, rows):
    ours = min(
        (row for other, row in rows.items() if other.startswith("lstm_layer")),
        key=lambda row: row["milliseconds"][1],
    )
    keras = min(row["ratio"] for other, row in rows.items() if other[:5] == "keras")
    torch = f"{rows['torch']['ratio']:.2f}" if "torch" in rows else ""
    share = f"{ours['share_of_matmul']:.2f}" if "share_of_matmul" in ours else ""
    cells = (what, name, f"{ours['milliseconds'][1]:.3g}", f"{keras:.2f}", torch, share)
    return f"| {' | '.join(cells)} |"


def update_readme(path=README):
    """Replaces the tables between their markers in the README."""
    tables = {"results": results_table(), "benchmark": benchmark_table()}
    update_tables(path, tables | {"load": load_table()})


def update_tables(path, tables):
    """Replaces tables between their markers in a Markdown file.

    Args:
        path: The file.
        tables: Tables by the names that their markers have.
    """
    text = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, rest = text.split(begin, 1)
        _, after = rest.split(end, 1)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _command(task, recipe, seeds, folds):
    """Returns what a shell runs to measure the recipe again."""
    train = f"python -m experiments.{task.name} {recipe} train evaluate train.seed="
    if folds:
        return (
            f"for fold in {' '.join(folds)}; do "
            f"{train}{seeds[0]} data.{task.fold}=$fold; done"
        )
    if len(seeds) == 1:
        return f"{train}{seeds[0]}"
    return f"for seed in {' '.join(map(str, seeds))}; do {train}$seed; done"


def _aggregate(values):
    """Returns mean and standard deviation of several seeds, or the one value."""
    if len(values) == 1:
        return round(values[0], 4)
    mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
    return {"mean": round(mean, 4), "std": round(std, 4)}


def hardware():
    """Returns processor and number of cores, without the machine's name."""
    import os

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")
        ]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{len(os.sched_getaffinity(0))} cores of {model}"


def main():
    """Rebuilds the tables of the README and of the pages."""
    from experiments.benchmarks import cluster_cost, graph_cost, streaming_memory
    from experiments.research import label_curve
    from experiments.research.long_term_dependencies.report import (
        NAME,
        RECORDED,
        recorded_table,
    )

    update_readme()
    if graphs := graph_cost.recorded_table():
        update_tables(README, {graph_cost.NAME: graphs})
    if label_curve.RESULT.exists():
        update_tables(README, {label_curve.NAME: label_curve.recorded_table()})
    if RECORDED.exists():
        update_tables(LSTM_PAGE, {NAME: recorded_table()})
    if streaming_memory.RESULT.exists():
        update_tables(
            DATA_PAGE, {streaming_memory.NAME: streaming_memory.recorded_table()}
        )
    if cluster_cost.RESULT.exists():
        update_tables(SCALE_PAGE, {cluster_cost.NAME: cluster_cost.recorded_table()})
