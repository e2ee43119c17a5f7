"""Times the layer in turns with Keras's, PyTorch's and the machine's limit.

Then measures what graphs cost, as `experiments.benchmarks.graph_cost` says.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from apps.common.portable.files import atomic_write
from apps.common.portable.terminal import report_errors
from experiments.benchmarks import graph_cost
from experiments.benchmarks.contenders import (
    CAROUSEL,
    FIT,
    KERAS,
    MATMUL_SIZE,
    TORCH,
    Shape,
    fit_contenders,
    layer_contenders,
    matmul,
)
from experiments.results.tables import hardware

RESULT = Path(__file__).parent / "results" / "benchmark.json"
SHAPES = (
    "20x35x650x650",
    "32x200x128x128",
    "64x98x40x128",
    "16x50x64x64",
    "50x1000x2x128",
    "1x200x128x128",
)
MEMORY_TIMESTEPS = (500, 1000, 2000)
MATMUL = "matmul"
SPEED, GRAPHS = "speed", "graphs"


def interleaved(functions, rounds, seconds):
    """Times functions in turns, so that a slow moment of the machine meets them all.

    Args:
        functions: `{name: function}`.
        rounds: Times that each has its turn.
        seconds: About so long is a turn; it is filled with calls.

    Returns:
        `{name: milliseconds a call, (rounds,)}`, and `{name: seconds of the first
        call}`, which hold what tracing and compiling cost.
    """
    first, calls = {}, {}
    for name, function in functions.items():
        first[name] = _seconds(function, 1)
        calls[name] = max(1, round(seconds / _seconds(function, 2)))
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            function()  # after another's turn the caches are cold
            times[name].append(1000 * _seconds(function, calls[name]))
    return {name: np.array(values) for name, values in times.items()}, first


def _seconds(function, calls):
    began = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - began) / calls


def summary(times, first, flops=None):
    """Returns for each contender median, quartiles, and ratios to ours.

    A ratio is the median, over the rounds, of its time by ours in the same round:
    above 1, ours is faster. Ours is the faster of its two modes.

    Args:
        times: What `interleaved` returns; with `MATMUL`, the machine's limit.
        first: What it returns beside.
        flops: Operations of a call's matrix products, for the share of the limit.
    """
    ours = [name for name in times if name.startswith(CAROUSEL)]
    best = min(ours, key=lambda name: np.median(times[name]))
    rows = {}
    for name, values in times.items():
        quartiles = np.percentile(values, [25, 50, 75])
        rows[name] = {
            "milliseconds": [float(f"{value:.4g}") for value in quartiles],
            "ratio": round(float(np.median(values / times[best])), 2),
            "first_call_seconds": round(first[name], 1),
        }
        if flops and MATMUL in times and name != MATMUL:
            limit = times[MATMUL] / (2 * MATMUL_SIZE**3)
            share = float(np.median(flops * limit / values))
            rows[name]["share_of_matmul"] = round(share, 2)
    return rows


def peak_memory(name, shape):
    """Returns megabytes by which training steps raise a fresh process's peak."""
    command = [sys.executable, "-m", __spec__.name, "--peak-memory", name]
    output = subprocess.run(
        [*command, "--shapes", str(shape)], capture_output=True, text=True, check=True
    )
    return json.loads(output.stdout.splitlines()[-1])


def _own_peak_memory(name, shape):
    _, both = layer_contenders(shape, names=(name,))
    small = Shape(shape.batch, 2, shape.features, shape.units)
    layer_contenders(small, names=(name,))[1][name]()  # the library's own share
    before = _peak_megabytes()
    for _ in range(3):
        both[name]()
    return round(_peak_megabytes() - before)


def _peak_megabytes():
    """Returns the most memory that this process has held (Linux)."""
    # Not getrusage: its peak begins with that of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def run(shapes, rounds, seconds, memory):
    """Measures the speed and returns the result, printing a line for each shape."""
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
    for task in FIT:
        rows = summary(*interleaved(fit_contenders(task), rounds, seconds))
        result["fit"][task] = rows
        _print(f"a training step of {task}", rows)
    if memory:
        for timesteps in MEMORY_TIMESTEPS:
            shape = Shape(32, timesteps, 128, 128)
            found = {name: peak_memory(name, shape) for name in (CAROUSEL, KERAS)}
            result["peak_megabytes"][str(shape)] = found
            print(f"{shape} peak in training, MB: {found}", flush=True)
    return result


def _versions():
    found = {}
    for package in ("tensorflow", "keras", TORCH):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            raise ValueError(
                f"The benchmark needs {package}: "
                "pip install -r requirements-benchmark.txt"
            ) from None
    return found


def _print(title, rows):
    columns = f"{'ms':>9} {'quartiles':>17} {'by ours':>8} {'of limit':>8}"
    print(f"\n{title}\n  {'':18} {columns}")
    for name, row in rows.items():
        low, median, high = row["milliseconds"]
        share = row.get("share_of_matmul", "")
        print(
            f"  {name:18} {median:>9.4g} {low:>8.4g} {high:>8.4g} {row['ratio']:>8} "
            f"{share:>8}",
            flush=True,
        )


def plot(result, path):
    """Draws how many times longer than ours each contender takes."""
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
        help="measure the speed, or what graphs cost (default: both); a file that is "
        "there keeps its other figures",
    )
    parser.add_argument("--peak-memory", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
            result[graph_cost.NAME] = graph_cost.measured()
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n")
        print(f"\nWritten: {target}")
        if options.only != GRAPHS:
            picture = target.with_suffix(".png")
            plot(result, picture)
            print(f"Drawn: {picture}")


if __name__ == "__main__":
    main()
