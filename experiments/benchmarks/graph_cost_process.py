"""Measures the cost of a graph in this process; `graph_cost` starts it.

    python -m experiments.benchmarks.graph_cost_process \
        '["new_length", {"library": "keras"}]'

Prints the result as JSON. Each function imports only what it needs: other imports would
count as memory of the server.
"""

import contextlib
import importlib
import json
import os
import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np

from apps.common.training.processor import available_cores

CALLS = 4  # of each shape, the first one included
KNOWN_LENGTHS = (40, 41)
NEW_LENGTHS = (42, 44, 46, 50, 54, 58, 62, 64, 70, 80, 100, 120)


def count_nodes(path):
    """Returns the number of nodes of a SavedModel: of its graph and its functions.

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


def first_steps(task, library, directory):
    """Measures the first steps of an app, and writes its run directory.

    Args:
        task: Name of the app.
        library: `CAROUSEL`, or `KERAS` for `keras.layers.LSTM` and its cell.
        directory: The run directory, which must not exist.

    Returns:
        For "training" and "validation": `seconds`, the cost of the first calls;
        `by_shape`, the same for each shape; and `later_ms`, the mean milliseconds of a
        later call over the shapes.
    """
    from experiments.benchmarks.models.steps import layers_of

    costs = {"seconds": {}, "by_shape": {}, "later_ms": {}}

    def fit(run, job, settings):
        trainer, batches, validation = job.trainer, job.batches, job.validation
        trainer.make_train_function()
        trainer.make_test_function()
        shuffled = batches.shuffled(settings.seed).take(batches.steps)
        for name, function, dataset in (
            ("training", trainer.train_function, shuffled),
            ("validation", trainer.test_function, validation.in_order()),
        ):
            of_each_shape = _one_of_each_shape(dataset)
            first, later = _timed(function, of_each_shape, dataset.element_spec)
            costs["seconds"][name] = sum(first) - sum(later)
            by_shape = np.subtract(first, later).round(3).tolist()
            costs["by_shape"][name] = by_shape
            costs["later_ms"][name] = round(1000 * sum(later) / len(later), 1)

    with layers_of(task, library):
        _train(task, directory, fit)
    return costs


def untrained_run(task, directory):
    """Writes a run directory as training does, without a training step."""
    _train(task, directory, lambda *arguments, **options: None)


def _train(task, directory, fit):
    """Runs `train` of an app with its default recipe and a replacement of `fit`."""
    from experiments.tasks import TASKS

    job = importlib.import_module("apps.common.training.job")
    config = TASKS[task].config(TASKS[task].default_recipe, [])
    with patch.object(job, "fit", fit):
        TASKS[task].function("train")(config, directory)


def _one_of_each_shape(dataset):
    """Returns the first batch of each shape, in their order in the dataset."""
    import tensorflow as tf

    batches = {}
    for batch in dataset:
        shapes = tuple(tuple(part.shape) for part in tf.nest.flatten(batch))
        batches.setdefault(shapes, batch)
    return list(batches.values())


def _timed(function, batches, spec, calls=CALLS):
    """Returns for each batch the seconds of its first call and of a later one.

    Args:
        function: Reads one batch from an iterator and returns logs.
        batches: Batches; each is called once per round.
        spec: `element_spec` of the dataset that the iterator reads.
        calls: Number of rounds.
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
    """Returns the seconds that a batch of a new length costs in training."""
    import keras
    import tensorflow as tf

    from experiments.benchmarks.contenders import CAROUSEL, KERAS
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
        cores: None to export on all cores; 1 to export on one core; another number to
            make Python report that number of cores.
        check: Whether to check the export in a fresh process, as usual.

    Returns:
        `seconds` of loading the model, of writing the export and of its check; the
        number of `nodes`; and the number of `cores`.
    """
    with contextlib.ExitStack() as stack:
        if cores == 1 and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {available_cores()[0]})
        elif cores:
            reported = set(range(cores))
            stack.enter_context(
                patch.object(
                    os, "sched_getaffinity", lambda process: reported, create=True
                )
            )
            stack.enter_context(patch.object(os, "cpu_count", lambda: cores))
        common = importlib.import_module("apps.common.export.savedmodel")
        predictors = importlib.import_module("apps.common.predictor")
        app = importlib.import_module(f"apps.{task}.export")
        predictor_class = importlib.import_module(f"apps.{task}.predict").Predictor
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
            (predictors, "load_model", timed("loading", predictors.load_model)),
            (common, "_check", timed("check", check_export)),
        ):
            stack.enter_context(patch.object(module, name, function))
        began = time.perf_counter()
        path = app.export(predictor_class.load(directory))
        total = time.perf_counter() - began
        seconds["writing"] = total - seconds["loading"] - seconds["check"]
        available = len(available_cores())
    return {"seconds": seconds, "nodes": count_nodes(path), "cores": available}


def serve(directories):
    """Loads exports as the server does, warm-up requests included.

    Args:
        directories: Export directories.

    Returns:
        `seconds` of loading; `by_model`, the same for each model, several of which
        load at the same time; and resident `megabytes`, with `peak_megabytes`.

    Raises:
        ValueError: If the server does not load all models.
    """
    from serving import models as serving_models
    from serving import server
    from serving.tensorflow_engine import TensorFlowModel

    TensorFlowModel.prepare()
    by_model = {}

    class TimedModel(TensorFlowModel):
        def __init__(self, name, path):
            began = time.perf_counter()
            super().__init__(name, path)
            by_model[name] = time.perf_counter() - began

    engine = "tensorflow"
    models = serving_models.Models(server.Finder(directories, engine), engine)
    with patch.dict(serving_models.ENGINES, tensorflow=TimedModel):
        began = time.perf_counter()
        models.refresh()
        seconds = time.perf_counter() - began
    if len(by_model) != len(directories):
        raise ValueError(
            f"The server loaded {len(by_model)} of {len(directories)} models: "
            f"{', '.join(sorted(by_model))}."
        )
    status = Path("/proc/self/status").read_text()

    def megabytes(name):
        return round(int(status.split(f"{name}:")[1].split()[0]) / 1024)

    return {
        "seconds": seconds,
        "by_model": by_model,
        "megabytes": megabytes("VmRSS"),
        "peak_megabytes": megabytes("VmHWM"),
    }


def main(request):
    """Calls the function of a request, `[name, arguments]`; prints its result."""
    name, arguments = json.loads(request)
    print(json.dumps(globals()[name](**arguments)))


if __name__ == "__main__":
    main(sys.argv[1])
