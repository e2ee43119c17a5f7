"""Measures what graphs cost: first steps, new lengths, exports and the server.

    python -m experiments.graph_cost                    # every measurement
    python -m experiments.graph_cost sentiment length   # some of them

Each measurement runs in a fresh process, one after the other: traced functions and
programs of XLA live as long as their process. `experiments.benchmark` runs all of them.

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
import of TensorFlow not. The memory is resident, after one request to each model.
"""

import argparse
import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy as np

from apps.common.files import rename_into_place
from apps.common.terminal import clear_errors
from experiments.contenders import CAROUSEL, FIT, KERAS, _as_keras
from experiments.results import BENCHMARK, hardware

NAME = "graphs"  # key in the benchmark's file, and of the table in the README
CALLS = 4  # of each shape, the first one included
KNOWN_LENGTHS = (40, 41)
NEW_LENGTHS = (42, 44, 46, 50, 54, 58, 62, 64, 70, 80, 100, 120)
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


def count_nodes(path):
    """Returns the nodes of a SavedModel: of its graph and of all its functions.

    Args:
        path: Directory with a `saved_model.pb`.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel()
    content.ParseFromString(Path(path, "saved_model.pb").read_bytes())
    graphs = [meta_graph.graph_def for meta_graph in content.meta_graphs]
    return sum(
        len(graph.node)
        + sum(len(function.node_def) for function in graph.library.function)
        for graph in graphs
    )


# What the parent process does: it starts the measurements and makes rows of them.


def _in_fresh_process(function, **arguments):
    """Returns what `function(**arguments)` returns in a process of its own."""
    request = json.dumps([function.__name__, arguments])
    command = [sys.executable, "-m", __spec__.name, "--child", request]
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


# What a fresh process does; each function returns what JSON can hold.


def first_steps(task, library, directory):
    """Measures the first steps of an app, and writes a run directory on the way.

    Args:
        task: Name of the app.
        library: `CAROUSEL`, or `KERAS` for `keras.layers.LSTM` in the app's model.
        directory: The run directory, which must not be there.

    Returns:
        For "training" and "validation": `seconds`, what the first calls cost;
        `by_shape`, the same for each shape; and `later_ms`, the milliseconds of a later
        call, a mean over the shapes.
    """
    import keras

    model = importlib.import_module(f"apps.{task}.model")
    layer = {CAROUSEL: model.LSTM, KERAS: _as_keras(keras.layers.LSTM)}[library]
    costs = {"seconds": {}, "by_shape": {}, "later_ms": {}}

    def fit(trainer, run, batches, steps, validation, validation_steps, **options):
        from apps.common.batches import WHOLE

        trainer.make_train_function()
        trainer.make_test_function()
        for name, function, dataset, count in (
            ("training", trainer.train_function, batches(0, WHOLE), steps),
            ("validation", trainer.test_function, validation(WHOLE), validation_steps),
        ):
            of_each_shape = _one_of_each_shape(dataset.take(count))
            first, later = _timed(function, of_each_shape, dataset.element_spec)
            costs["seconds"][name] = sum(first) - sum(later)
            by_shape = np.subtract(first, later).tolist()
            costs["by_shape"][name] = [_seconds(cost) for cost in by_shape]
            costs["later_ms"][name] = round(1000 * sum(later) / len(later), 1)

    with patch.object(model, "LSTM", layer):
        _train(task, directory, fit)
    return costs


def untrained_run(task, directory):
    """Writes a run directory as training does, but trains no step."""
    _train(task, directory, lambda *arguments, **options: None)


def _train(task, directory, fit):
    """Runs the `train` of an app with the default recipe and another `fit`."""
    recipe = importlib.import_module(f"experiments.{task}").TASK
    train = importlib.import_module(f"apps.{task}.train")
    with patch.object(train, "fit", fit):
        train.train(recipe.config(recipe.default_recipe, []), directory)


def _one_of_each_shape(dataset):
    """Returns the first batch of each shape, in the order in which they come."""
    import tensorflow as tf

    batches = {}
    for batch in dataset:
        shapes = tuple(tuple(part.shape) for part in tf.nest.flatten(batch))
        batches.setdefault(shapes, batch)
    return list(batches.values())


def _timed(function, batches, spec, calls=CALLS):
    """Returns for each batch the seconds of its first call and of a later one.

    Args:
        function: Takes an iterator of which it reads one batch, and returns logs.
        batches: Batches; all have a turn before the first has its second one.
        spec: `element_spec` of the dataset that the iterator reads.
        calls: Times that each batch has its turn.
    """
    import tensorflow as tf

    dataset = tf.data.Dataset.from_generator(
        lambda: (batch for _ in range(calls) for batch in batches),
        output_signature=spec,
    )
    iterator, times = iter(dataset), []
    for _ in range(calls * len(batches)):
        began = time.perf_counter()
        logs = function(iterator)
        float(logs["loss"])  # waits
        times.append(time.perf_counter() - began)
    first, *later = np.reshape(times, (calls, len(batches))).tolist()
    return first, np.median(later, axis=0).tolist()


def new_length(library):
    """Returns the seconds that a new length costs in training."""
    import keras
    import tensorflow as tf

    from lstm_layer import LSTM

    layer = {CAROUSEL: LSTM, KERAS: keras.layers.LSTM}[library]
    model = keras.Sequential(
        [
            keras.Input((None, 32)),
            keras.layers.Bidirectional(layer(64, return_sequences=True)),
            keras.layers.Bidirectional(layer(64)),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", jit_compile=False)
    model.make_train_function()
    lengths = (*KNOWN_LENGTHS, *NEW_LENGTHS)

    def sequences():
        rng = np.random.default_rng(0)
        for length in np.repeat(lengths, 2):
            yield rng.normal(size=(16, length, 32)), rng.normal(size=(16, 1))

    spec = (tf.TensorSpec((16, None, 32)), tf.TensorSpec((16, 1)))
    iterator = iter(tf.data.Dataset.from_generator(sequences, output_signature=spec))
    costs = []
    for _ in lengths:
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            float(model.train_function(iterator)["loss"])
            seconds.append(time.perf_counter() - began)
        costs.append(seconds[0] - seconds[1])
    return float(np.mean(costs[len(KNOWN_LENGTHS) :]))


def export_run(task, directory, cores, check):
    """Exports a run.

    Args:
        task: Name of the app.
        directory: A run directory without an export.
        cores: None to export as usual; 1 to export on one core; another number to
            export where Python reports as many cores.
        check: Whether to check the export in a fresh process, as usual.

    Returns:
        `seconds` of loading the model, of writing the export and of its check; `nodes`;
        and `cores`.
    """
    with contextlib.ExitStack() as stack:
        if cores == 1:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        elif cores:
            reported = set(range(cores))
            stack.enter_context(
                patch.object(os, "sched_getaffinity", lambda process: reported)
            )
            stack.enter_context(patch.object(os, "cpu_count", lambda: cores))
        common = importlib.import_module("apps.common.export")
        app = importlib.import_module(f"apps.{task}.export")
        seconds = {"loading": 0.0, "writing": 0.0, "check": 0.0}

        def timed(name, function):
            def call(*arguments, **options):
                began = time.perf_counter()
                result = function(*arguments, **options)
                seconds[name] += time.perf_counter() - began
                return result

            return call

        check_export = common._check if check else lambda *arguments: None
        for module, name, function in (
            (app, "load_run", timed("loading", app.load_run)),
            (common, "_check", timed("check", check_export)),
        ):
            stack.enter_context(patch.object(module, name, function))
        began = time.perf_counter()
        path = app.export(directory)
        total = time.perf_counter() - began
        seconds["writing"] = total - seconds["loading"] - seconds["check"]
        available = len(os.sched_getaffinity(0))
    return {"seconds": seconds, "nodes": count_nodes(path), "cores": available}


def serve(directories):
    """Loads exports as the server does, and sends one request to each model.

    Args:
        directories: Export directories.

    Returns:
        `seconds` of loading, `by_model` the same for each model, and resident
        `megabytes` after the requests, with `peak_megabytes`.
    """
    from experiments.load import requests_of
    from serving import models as serving_models
    from serving import server
    from serving.formats import DEFAULT_SIGNATURE, arrays_of

    serving_models._tensorflow()
    by_model = {}

    class TimedModel(serving_models.Model):
        def __init__(self, name, path):
            began = time.perf_counter()
            super().__init__(name, path)
            by_model[name] = time.perf_counter() - began

    models = serving_models.Models(lambda: server.find_models(directories))
    with patch.object(serving_models, "Model", TimedModel):
        began = time.perf_counter()
        models.refresh()
        seconds = time.perf_counter() - began
    if set(by_model) != set(TASKS):
        raise ValueError(f"The server loaded these models alone: {sorted(by_model)}.")
    for model in models:
        signature = model.signature(DEFAULT_SIGNATURE)
        signature(arrays_of(requests_of(model.name)[0], signature.inputs))
    status = Path("/proc/self/status").read_text()

    def megabytes(name):
        return round(int(status.split(f"{name}:")[1].split()[0]) / 1024)

    return {
        "seconds": seconds,
        "by_model": by_model,
        "megabytes": megabytes("VmRSS"),
        "peak_megabytes": megabytes("VmHWM"),
    }


CHILDREN = {f.__name__: f for f in (first_steps, untrained_run, new_length)}
CHILDREN |= {f.__name__: f for f in (export_run, serve)}


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.graph_cost",
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
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.child:
        name, settings = json.loads(options.child)
        print(json.dumps(CHILDREN[name](**settings)))
        return
    with clear_errors():
        if unknown := [name for name in options.names if name not in MEASUREMENTS]:
            raise ValueError(
                f"{unknown[0]!r} is no measurement. Measurements: "
                f"{', '.join(MEASUREMENTS)}."
            )
        result = measured(options.names, options.runs)
        print(f"\n{table(result)}\n\n{json.dumps(result)}")


if __name__ == "__main__":
    main()
