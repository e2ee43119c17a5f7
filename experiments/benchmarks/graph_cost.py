"""Measures what graphs cost: first steps, new lengths, exports and the server.

    python -m experiments.benchmarks.graph_cost                    # every measurement
    python -m experiments.benchmarks.graph_cost sentiment length   # some of them

Each measurement runs in a fresh process, one after the other: traced functions and
programs of XLA live as long as their process. `experiments.benchmarks.layer` runs all
of them.

First steps. `train` of the app runs with the default recipe, its data and its settings,
up to the call of `fit`. In the place of `fit` the training function that `fit` would
call gets one real batch of each shape that an epoch has, in the order in which the
shapes first come; the type of the dataset is the one that `fit` sees, unknown
dimensions included. All shapes come `CALLS` times, in rounds. The figure is the sum
over the shapes of the first call less the median of the later calls. The test function
then gets the same with the batches of the validation set, and its sum is added. So the
figure is how long a user waits, over the first epoch, for tracing, for TensorFlow's
optimizer of graphs and for XLA. Reading the data and building the model are not in it.

A new length. Keras's own training function runs a model of two bidirectional layers of
64 units on 16 sequences of 32 features; the dataset leaves the length unknown. After
`KNOWN_LENGTHS` the figure is the mean over `NEW_LENGTHS` of the first call less the
second.

The column of Keras has `keras.layers.LSTM` in the place of our layer, in the same
model and the same training step, without XLA for the whole step.

The export. `export` of the sentiment app, imports not counted, from loading the model
to the check in a fresh process. The model has the sizes of the default recipe and has
seen a few batches at most. Nodes are those of the main graph and of all functions of
the SavedModel. They are counted on all cores, on one core, and where Python reports
`MANY_CORES`.

The server. A fresh process with the server's modules loads the exports of the five
default recipes. The time is that of `Models.refresh`, warm-up requests included and the
import of TensorFlow not. The memory is resident, after it.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

from apps.common.portable.files import rename_into_place
from apps.common.portable.terminal import report_errors
from experiments.benchmarks import graph_cost_process
from experiments.benchmarks.contenders import CAROUSEL, FIT, KERAS
from experiments.benchmarks.graph_cost_process import (
    export_run,
    first_steps,
    new_length,
    serve,
    untrained_run,
)
from experiments.results.tables import BENCHMARK, hardware

NAME = "graphs"  # key in the benchmark's file, and of the table in the README
MANY_CORES = 8
TASKS = (
    "language_modeling",
    "sentiment",
    "speech_commands",
    "summarization",
    "question_answering",
)
UNITS = {"s": "{:z,.2f} s", "MB": "{:,.0f} MB", "nodes": "{:,}"}


def measured(names=None, runs=None):
    """Runs measurements and prints a line for each row.

    Args:
        names: Keys of `MEASUREMENTS`; by default all.
        runs: Directory for run directories, which are reused if they are there; by
            default a temporary one.

    Returns:
        The rows, `{title: {"ours", "keras", "unit", "parts"}}`, with hardware, versions
        and date. `keras` is None where there is no such model; `parts` is what the
        figure of ours consists of.
    """
    rows = {}
    with contextlib.ExitStack() as stack:
        if runs is None:
            runs = stack.enter_context(tempfile.TemporaryDirectory())
        runs = Path(runs).resolve()
        runs.mkdir(parents=True, exist_ok=True)
        for name in names or MEASUREMENTS:
            for title, row in MEASUREMENTS[name](runs).items():
                rows[title] = row
                print(_line(title, row), flush=True)
    return {
        "rows": rows,
        "hardware": hardware(),
        "versions": {name: version(name) for name in ("tensorflow", "keras")},
        "date": date.today().isoformat(),
    }


def table(result):
    """Returns the Markdown table of what `measured` returned."""
    lines = ["| cost of graphs | ours | Keras | of it |", "|---|---|---|---|"]
    for title, row in result["rows"].items():
        ours, keras, parts = _cells(row)
        lines.append(f"| {title} | {ours} | {keras} | {parts} |")
    lines += ["", f"Measured on {result['hardware']}, {result['date']}."]
    return "\n".join(lines)


def recorded_table(path=BENCHMARK):
    """Returns the table of what was recorded, or None if nothing was."""
    result = json.loads(path.read_text()).get(NAME)
    return result and table(result)


def _line(title, row):
    ours, keras, parts = _cells(row)
    return f"{title:46} {ours:>10}  Keras {keras or '-':>8}  {parts}"


def _cells(row):
    def shown(value):
        return UNITS[row["unit"]].format(value)

    parts = [f"{name} {shown(value)}" for name, value in row.get("parts", {}).items()]
    keras = "" if row["keras"] is None else shown(row["keras"])
    return shown(row["ours"]), keras, "; ".join(parts)


def _in_fresh_process(function, **arguments):
    """Returns what `function(**arguments)` returns in a process of its own."""
    request = json.dumps([function.__name__, arguments])
    command = [sys.executable, "-m", graph_cost_process.__name__, request]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(f"The measurement {request} failed: {reason}")
    return json.loads(result.stdout.splitlines()[-1])


def _first_steps_rows(task, runs):
    libraries = (CAROUSEL, KERAS) if task in FIT else (CAROUSEL,)
    costs = {}
    for library in libraries:
        with tempfile.TemporaryDirectory(prefix=".", dir=runs) as scratch:
            directory = Path(scratch, "run")
            costs[library] = _in_fresh_process(
                first_steps, task=task, library=library, directory=str(directory)
            )
            if library == CAROUSEL:  # the models of the exports
                rename_into_place(directory, runs / task)
    ours, keras = costs[CAROUSEL], costs.get(KERAS)
    return {
        f"first steps of {task}": {
            "ours": _seconds(sum(ours["seconds"].values())),
            "keras": keras and _seconds(sum(keras["seconds"].values())),
            "unit": "s",
            "parts": {name: _seconds(s) for name, s in ours["seconds"].items()},
            "by_shape": {name: cost["by_shape"] for name, cost in costs.items()},
            "later_ms": {name: cost["later_ms"] for name, cost in costs.items()},
        }
    }


def _new_length_rows(runs):
    del runs
    costs = {
        library: _in_fresh_process(new_length, library=library)
        for library in (CAROUSEL, KERAS)
    }
    return {
        "a new length in training": {
            "ours": _seconds(costs[CAROUSEL]),
            "keras": _seconds(costs[KERAS]),
            "unit": "s",
        }
    }


def _export_rows(runs):
    exports = []
    for cores in (None, 1, MANY_CORES):
        with tempfile.TemporaryDirectory(prefix=".", dir=runs) as scratch:
            copy = _copy_of_run("sentiment", runs, scratch)
            exports.append(
                _in_fresh_process(
                    export_run,
                    task="sentiment",
                    directory=str(copy),
                    cores=cores,
                    check=cores is None,
                )
            )
    here, by_cores = exports[0], {}
    for export in exports:
        by_cores.setdefault(export["cores"], export["nodes"])
    return {
        "export of the sentiment model": {
            "ours": _seconds(sum(here["seconds"].values())),
            "keras": None,
            "unit": "s",
            "parts": {name: _seconds(s) for name, s in here["seconds"].items()},
        },
        "nodes of the sentiment export": {
            "ours": here["nodes"],
            "keras": None,
            "unit": "nodes",
            "parts": {
                f"on {cores} core{'s' * (cores > 1)}": nodes
                for cores, nodes in sorted(by_cores.items())
            },
        },
    }


def _server_rows(runs):
    with tempfile.TemporaryDirectory(prefix=".", dir=runs) as scratch:
        copies = [_copy_of_run(task, runs, scratch) for task in TASKS]
        for task, copy in zip(TASKS, copies, strict=True):
            _in_fresh_process(
                export_run, task=task, directory=str(copy), cores=None, check=False
            )
        directories = [str(copy / "export") for copy in copies]
        server = _in_fresh_process(serve, directories=directories)
    return {
        "five default exports in the server: memory": {
            "ours": server["megabytes"],
            "keras": None,
            "unit": "MB",
            "parts": {"at its peak": server["peak_megabytes"]},
        },
        "five default exports in the server: loading": {
            "ours": _seconds(server["seconds"]),
            "keras": None,
            "unit": "s",
            "parts": {name: _seconds(s) for name, s in server["by_model"].items()},
        },
    }


MEASUREMENTS = {
    **{task: partial(_first_steps_rows, task) for task in TASKS},
    "length": _new_length_rows,
    "export": _export_rows,
    "server": _server_rows,
}


def _copy_of_run(task, runs, directory):
    """Returns a copy of a run of the default recipe; its model may be untrained."""
    if not (runs / task).exists():
        with tempfile.TemporaryDirectory(prefix=".", dir=runs) as scratch:
            run = Path(scratch, "run")
            _in_fresh_process(untrained_run, task=task, directory=str(run))
            rename_into_place(run, runs / task)
    ignored = shutil.ignore_patterns("export")
    return Path(shutil.copytree(runs / task, Path(directory, task), ignore=ignored))


def _seconds(value):
    return round(value, 3)


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks.graph_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"measurements (default: all): {', '.join(MEASUREMENTS)}",
    )
    parser.add_argument(
        "--runs",
        type=Path,
        metavar="DIRECTORY",
        help="keep run directories here and use those that are there "
        "(default: a temporary directory)",
    )
    options = parser.parse_args(arguments)
    with report_errors():
        if unknown := [name for name in options.names if name not in MEASUREMENTS]:
            raise ValueError(
                f"{unknown[0]!r} is no measurement. Measurements: "
                f"{', '.join(MEASUREMENTS)}."
            )
        result = measured(options.names, options.runs)
        print(f"\n{table(result)}\n\n{json.dumps(result)}")


if __name__ == "__main__":
    main()
