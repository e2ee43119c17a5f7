"""Times our layer, Keras's, PyTorch's and a matrix product in turns.

Then runs `experiments.benchmarks.graph_cost`.
"""

import argparse
import json
from datetime import date
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np

from apps.common.portable.files import write_json
from apps.common.portable.terminal import report_errors
from experiments.benchmarks import graph_cost
from experiments.benchmarks.contenders import (
    CAROUSEL,
    KERAS,
    TORCH,
    Shape,
    layer_contenders,
    matmul,
)
from experiments.benchmarks.fresh_process import measured_in_fresh_process
from experiments.benchmarks.models.default_steps import DEFAULT_STEPS
from experiments.benchmarks.models.steps import fit_contenders
from experiments.benchmarks.timing import MATMUL, interleaved, summary
from experiments.machine import hardware, versions
from experiments.tables import SPEED_PAGE, markdown_table

NAME, PAGE = "benchmark", SPEED_PAGE
RESULT = graph_cost.RESULT  # one file; the graphs are under `graph_cost.NAME`
COLUMNS = (
    *("batch x timesteps x features x units", "pass", "ours, ms", "Keras / ours"),
    *("PyTorch / ours", "share of the machine's matmul rate"),
)
SHAPES = (
    "20x35x650x650",
    "32x200x128x128",
    "64x98x40x128",
    "16x50x64x64",
    "50x1000x2x128",
    "1x200x128x128",
)
MEMORY_TIMESTEPS = (500, 1000, 2000)
SPEED, GRAPHS = "speed", "graphs"


def peak_memory(name, shape):
    """Returns the megabytes that training adds to the peak of a fresh process."""
    return measured_in_fresh_process(
        *(__spec__.name, "--peak-memory", name, "--shapes", shape)
    )


def _own_peak_memory(name, shape):
    _, both = layer_contenders(shape, names=(name,))
    small = Shape(shape.batch, 2, shape.features, shape.units)
    layer_contenders(small, names=(name,))[1][name]()  # loads the library
    before = _peak_megabytes()
    for _ in range(3):
        both[name]()
    return round(_peak_megabytes() - before)


def _peak_megabytes():
    """Returns the peak of this process's resident memory (Linux)."""
    # Not getrusage: its peak includes that of the parent process.
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def run(shapes, rounds, seconds, memory):
    """Measures the speed, prints a table for each shape and returns the result."""
    result = {
        "hardware": hardware(),
        "versions": _versions(),
        "date": date.today().isoformat(),
        "rounds": rounds,
        "layers": {},
        "fit": {},
        "peak_megabytes": {},
    }
    for shape in shapes:
        passes = zip((1, 3), layer_contenders(shape), strict=True)
        for (products, functions), name in zip(
            passes, ("forward", "forward + backward"), strict=True
        ):
            times, first = interleaved({**functions, MATMUL: matmul()}, rounds, seconds)
            rows = summary(times, first, products * shape.flops)
            result["layers"].setdefault(name, {})[str(shape)] = rows
            _print(f"{shape} {name}", rows)
    for task in DEFAULT_STEPS:
        rows = summary(*interleaved(fit_contenders(task), rounds, seconds))
        result["fit"][task] = rows
        _print(f"a training step of {task}", rows)
    if memory:
        for timesteps in MEMORY_TIMESTEPS:
            shape = Shape(32, timesteps, 128, 128)
            peaks = {name: peak_memory(name, shape) for name in (CAROUSEL, KERAS)}
            result["peak_megabytes"][str(shape)] = peaks
            print(f"{shape} peak in training, MB: {peaks}", flush=True)
    return result


def _versions():
    try:
        return versions(("tensorflow", "keras", TORCH))
    except PackageNotFoundError as error:
        raise ValueError(
            f"The benchmark needs {error.name}: "
            "pip install -r requirements-benchmark.txt"
        ) from None


def _print(title, rows):
    columns = f"{'ms':>9} {'quartiles':>17} {'/ ours':>8} {'/ matmul':>8}"
    print(f"\n{title}\n  {'':18} {columns}")
    for name, row in rows.items():
        low, median, high = row["milliseconds"]
        share = row.get("share_of_matmul", "")
        print(
            f"  {name:18} {median:>9.4g} {low:>8.4g} {high:>8.4g} {row['ratio']:>8} "
            f"{share:>8}",
            flush=True,
        )


def recorded_table(path=RESULT):
    """Returns the Markdown table of the recorded benchmark of the layer.

    Keras's time is that of its faster mode: with or without XLA.
    """
    result = json.loads(path.read_text())
    rows = [
        _table_row(shape, name, contenders)
        for name, shapes in result["layers"].items()
        for shape, contenders in shapes.items()
    ]
    rows += [
        _table_row(f"the model of {task}", "training step", contenders)
        for task, contenders in result["fit"].items()
    ]
    note = f"Measured on {result['hardware']}, {result['date']}."
    if result["peak_megabytes"]:
        peaks = "; ".join(
            f"{shape}: {peak['lstm_layer']} MB, Keras {peak['keras']} MB"
            for shape, peak in result["peak_megabytes"].items()
        )
        note += f" Memory that training adds at its peak: {peaks}."
    return f"{markdown_table(COLUMNS, rows)}\n\n{note}"


def _table_row(size, name, rows):
    ours = min(
        (row for other, row in rows.items() if other.startswith(CAROUSEL)),
        key=lambda row: row["milliseconds"][1],
    )
    keras = min(row["ratio"] for other, row in rows.items() if other[:5] == KERAS)
    torch = f"{rows[TORCH]['ratio']:.2f}" if TORCH in rows else ""
    share = f"{ours['share_of_matmul']:.2f}" if "share_of_matmul" in ours else ""
    return (size, name, f"{ours['milliseconds'][1]:.3g}", f"{keras:.2f}", torch, share)


def plot(result, path):
    """Plots the time of each contender, in multiples of ours."""
    import matplotlib.pyplot as plt

    from apps.common.metrics.plots import save_figure

    figure, panels = plt.subplots(
        1, 2, figsize=(11, 4), sharey=True, layout="constrained"
    )
    everyone = list(next(iter(result["layers"]["forward"].values())))
    for panel, (name, shapes) in zip(panels, result["layers"].items(), strict=True):
        places = np.arange(len(shapes))
        others = [n for n in next(iter(shapes.values())) if n != MATMUL]
        for index, other in enumerate(others):
            panel.barh(
                places + 0.8 * index / len(others),
                [rows[other]["ratio"] for rows in shapes.values()],
                height=0.8 / len(others),
                label=other,
                color=f"C{everyone.index(other)}",
            )
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set(title=name, xlabel="time, in multiples of ours")
        panel.set_yticks(places + 0.3, list(shapes))
    panels[0].invert_yaxis()
    panels[0].legend(fontsize="small")
    save_figure(figure, path)


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks.layer", description=__doc__
    )
    parser.add_argument(
        "--shapes",
        nargs="+",
        default=SHAPES,
        metavar="BxTxFxU",
        help="batch, timesteps, features, units (default: the six of the table)",
    )
    parser.add_argument("--rounds", type=int, default=15, help="turns (default: 15)")
    parser.add_argument(
        "--seconds", type=float, default=0.2, help="length of a turn (default: 0.2)"
    )
    parser.add_argument(
        "--record", action="store_true", help=f"write experiments/results/{RESULT.name}"
    )
    parser.add_argument(
        "--only",
        choices=(SPEED, GRAPHS),
        help="measure the speed, or the cost of graphs (default: both); an existing "
        "file keeps its other figures",
    )
    parser.add_argument("--peak-memory", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    with report_errors():
        shapes = [Shape.parse(text) for text in options.shapes]
        if options.peak_memory:
            print(_own_peak_memory(options.peak_memory, shapes[0]))
            return
        target = RESULT if options.record else Path("runs") / RESULT.name
        result = json.loads(target.read_text()) if target.exists() else {}
        if options.only != GRAPHS:
            result |= run(
                shapes, options.rounds, options.seconds, memory=options.record
            )
        if options.only != SPEED:
            result[graph_cost.NAME] = graph_cost.measure()
        target.parent.mkdir(parents=True, exist_ok=True)
        write_json(target, result)
        print(f"\nWritten: {target}")
        if options.only != GRAPHS:
            picture = target.with_suffix(".png")
            plot(result, picture)
            print(f"Drawn: {picture}")


if __name__ == "__main__":
    main()
