"""Measures the cost of graphs: first steps, new lengths, exports and the server.

    python -m experiments.benchmarks.graph_cost                    # every measurement
    python -m experiments.benchmarks.graph_cost sentiment length   # some of them

The measurements run one after the other, each in a fresh process: traced functions and
XLA programs live as long as their process. `experiments.benchmarks.layer` runs all
measurements.

First steps: `train` of the app runs with its default recipe up to the call of `fit`.
Instead of `fit`, this module calls the training function with one real batch of each
shape of an epoch, in the order in which the shapes first occur. The dataset has the
same type as in `fit`, unknown dimensions included. Each shape is called `CALLS` times,
in rounds. The cost of a shape is its first call minus the median of its later calls.
The test function is measured in the same way on the validation set. The figure is the
sum of both: the time that a user waits, in the first epoch, for tracing, TensorFlow's
graph optimizer and XLA. It excludes reading the data and building the model.

A new length: Keras's training function runs a model of two bidirectional layers of 64
units on 16 sequences of 32 features. The dataset leaves the length unknown. After
`KNOWN_LENGTHS` the figure is the mean over `NEW_LENGTHS` of the first call minus the
second.

The column "Keras" has `keras.layers.LSTM` and its cell instead of ours, in the same
model and the same training step, without XLA for the whole step.

The export: `export` of the sentiment app, from loading the model to the check in a
fresh process, without imports. The model has the sizes of the default recipe and is
almost untrained. Nodes are those of the main graph and of all functions of the
SavedModel. They are counted on all cores, on one core, and where Python reports
`MANY_CORES`.

The server: a fresh process with the server's modules loads the exports of the five
default recipes. The time is that of `Models.refresh`, with warm-up requests and without
the import of TensorFlow. The memory is the resident memory after it.
"""

import argparse
import contextlib
import json
import shutil
import tempfile
from datetime import date
from functools import partial
from pathlib import Path

from apps.common.portable.files import rename_into_place
from apps.common.portable.terminal import report_errors
from experiments.benchmarks import graph_cost_process
from experiments.benchmarks.contenders import CAROUSEL, KERAS
from experiments.benchmarks.fresh_process import measured_in_fresh_process
from experiments.benchmarks.graph_cost_process import (
    export_run,
    first_steps,
    new_length,
    serve,
    untrained_run,
)
from experiments.machine import hardware, versions
from experiments.tables import RESULTS, SPEED_PAGE, markdown_table
from experiments.tasks import TASKS

NAME, PAGE = "graphs", SPEED_PAGE  # also the key in the file
RESULT = RESULTS / "benchmark.json"
COLUMNS = ("cost of graphs", "ours", "Keras", "of it")
MANY_CORES = 8
UNITS = {"s": "{:z,.2f} s", "MB": "{:,.0f} MB", "nodes": "{:,}"}


def measure(names=None, runs=None):
    """Runs measurements and prints a line for each row.

    Args:
        names: Keys of `MEASUREMENTS`; by default all.
        runs: Directory with run directories; existing ones are reused. By default a
            temporary directory.

    Returns:
        The rows, `{title: {"ours", "keras", "unit", "parts"}}`, with hardware, versions
        and date. `keras` is None where Keras has no such model; `parts` are the
        addends of our figure.
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
        "versions": versions(("tensorflow", "keras")),
        "date": date.today().isoformat(),
    }


def table(result):
    """Returns the Markdown table of the result of `measure`."""
    rows = [(title, *_cells(row)) for title, row in result["rows"].items()]
    note = f"Measured on {result['hardware']}, {result['date']}."
    return f"{markdown_table(COLUMNS, rows)}\n\n{note}"


def recorded_table(path=RESULT):
    """Returns the Markdown table of the recorded graphs; None if there are none."""
    result = json.loads(path.read_text()).get(NAME)
    return result and table(result)


def _line(title, row):
    ours, keras, parts = _cells(row)
    return f"{title:46} {ours:>10}  Keras {keras or '-':>8}  {parts}"


def _cells(row):
    def cell(value):
        return UNITS[row["unit"]].format(value)

    parts = [f"{name} {cell(value)}" for name, value in row.get("parts", {}).items()]
    keras = "" if row["keras"] is None else cell(row["keras"])
    return cell(row["ours"]), keras, "; ".join(parts)


def _in_fresh_process(function, **arguments):
    """Calls `function(**arguments)` in a fresh process; returns its result."""
    request = json.dumps([function.__name__, arguments])
    return measured_in_fresh_process(graph_cost_process.__name__, request)


def _first_steps_rows(task, runs):
    costs = {}
    for library in (CAROUSEL, KERAS):
        with tempfile.TemporaryDirectory(prefix=".", dir=runs) as scratch:
            directory = Path(scratch, "run")
            costs[library] = _in_fresh_process(
                first_steps, task=task, library=library, directory=str(directory)
            )
            if library == CAROUSEL:  # `export` and `server` need these runs
                rename_into_place(directory, runs / task)
    ours, keras = costs[CAROUSEL], costs[KERAS]
    return {
        f"first steps of {task}": {
            "ours": _seconds(sum(ours["seconds"].values())),
            "keras": _seconds(sum(keras["seconds"].values())),
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
    """Copies a run of the default recipe; makes an untrained one if there is none."""
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
        help="directory that keeps run directories and reuses existing ones "
        "(default: a temporary directory)",
    )
    options = parser.parse_args(arguments)
    with report_errors():
        if unknown := [name for name in options.names if name not in MEASUREMENTS]:
            raise ValueError(
                f"{unknown[0]!r} is no measurement. Measurements: "
                f"{', '.join(MEASUREMENTS)}."
            )
        result = measure(options.names, options.runs)
        print(f"\n{table(result)}\n\n{json.dumps(result)}")


if __name__ == "__main__":
    main()
