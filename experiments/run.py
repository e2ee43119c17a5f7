"""The command line of a task: reads a recipe and settings, and runs verbs."""

import functools
import os
import sys
import time

from apps.common.finished import (
    check_overrides,
    export_already,
    is_finished,
    metrics_already,
    trained_already,
)
from apps.common.portable.run_files import EXPLANATIONS
from apps.common.portable.terminal import report_errors
from experiments.answering import answers_of
from experiments.closing import print_closing_table
from experiments.inputs import good_inputs, inputs_of
from experiments.record import record
from experiments.request import DEFAULT_MINUTES, parser_of, request_of
from experiments.scored import predict_file
from experiments.task import is_recipe_file, run_directory, runs_directory
from experiments.writers import as_json

CLUSTER = ("TF_CONFIG", "SLURM_STEP_NUM_TASKS")  # without them there is one worker


def main(task, arguments=None):
    """Runs the command line of a task; exits with 1 if rows of `--file` had a fault."""
    options = parser_of(task).parse_intermixed_args(arguments)
    with report_errors():
        if run(task, request_of(task, options)).get("faults"):
            sys.exit(1)


def run(task, request):
    """Runs the verbs of a request in order, then prints a closing table.

    Args:
        task: A `Task`.
        request: A `Request`.

    Returns:
        What `evaluate` and `export` returned, by verb; as "faults" the number of rows
        of the request's file that had a fault; and as "seconds" the time of each verb.
    """
    config = task.config(request.recipe, request.overrides)
    directory = request.run_directory or run_directory(task, request.recipe, config)
    predictor = functools.cache(lambda: task.predictor(directory))  # one for all verbs
    results = {"seconds": {}}
    for verb in _verbs_of_this_process(request.verbs):
        began = time.monotonic()
        if verb == "train":
            print(f"Training {task.name} with the recipe {request.recipe}: {directory}")
            if not (_is_alone() and trained_already(directory, config)):
                task.function("train")(config, directory)
        elif verb == "predict":
            results["faults"] = _predict(task, directory, predictor, request)
        elif verb == "explain":
            results["faults"] = _explain(task, directory, predictor, request)
        elif verb == "tune":
            _tune(task, request, config)
        elif verb == "record":
            _record(task, request)
        else:
            print(f"{verb.capitalize().removesuffix('e')}ing {directory}")
            check_overrides(directory, task.config_class(), request.overrides)
            done = _done_already(verb, task, directory)
            results[verb] = done or task.function(verb)(predictor())
        results["seconds"][verb] = time.monotonic() - began
    print_closing_table(task, directory, results)
    return results


def _done_already(verb, task, directory):
    """Returns the metrics or the export that a finished run has, or None."""
    if not is_finished(directory):
        return None  # the predictor says what is missing
    if verb == "evaluate":
        return metrics_already(directory)
    return export_already(directory, task.name)


def _verbs_of_this_process(verbs):
    """Returns the verbs; on a worker that is not the chief, only `train`."""
    if _is_chief():
        return verbs
    own = [verb for verb in verbs if verb == "train"]
    if own != verbs:
        print("Of several workers the chief does what comes after training.")
    return own


def _is_alone():
    """Returns whether no other worker can take part."""
    return not any(os.environ.get(name) for name in CLUSTER)


def _is_chief():
    """Returns whether this process is the chief, or the only worker."""
    if _is_alone():
        return True
    from apps.common.training.cluster import cluster_of  # loads TensorFlow

    cluster = cluster_of(os.environ)
    return cluster is None or cluster.index == 0


def _predict(task, directory, predictor, request):
    """Prints or writes an output for each input; returns the number of faults."""
    chosen = task, directory, predictor, request.engine
    if request.file:
        file, output = request.file, request.output
        return predict_file(answers_of(*chosen), file, output, request.overrides)
    inputs = inputs_of(request.words)  # before the run is loaded: errors come at once
    for output in answers_of(*chosen).predict(inputs):
        print(as_json(output))
    return 0


def _explain(task, directory, predictor, request):
    """Draws the user's inputs; without inputs, the examples, once per run.

    Returns:
        The number of rows of a file that had a fault.
    """
    faults = 0
    if request.file:
        file, settings = request.file, request.overrides
        inputs, faults = good_inputs(predictor(), file, settings)
    elif request.words:
        inputs = request.words
    else:
        if drawn := sorted((directory / EXPLANATIONS).glob("*.html")):
            print(f"{drawn[0]} is drawn already.")
            return 0
        inputs = task.examples(predictor())
    for path in task.function("explain")(predictor(), inputs):
        print(f"Drawn: {path}, and as a picture {path.with_suffix('.png').name}")
    return faults


def _tune(task, request, config):
    if not _is_alone():
        raise ValueError(
            f"tune runs in one process alone. Unset {' and '.join(CLUSTER)}."
        )
    from experiments.tuning.command import tune  # loads Optuna

    directory = request.run_directory or runs_directory(task, request.recipe) / "tune"
    minutes = DEFAULT_MINUTES if request.minutes is None else request.minutes
    tune(task, request, task.choose(config), directory, minutes)


def _record(task, request):
    if is_recipe_file(request.recipe):
        raise ValueError(
            f"{request.recipe}: record expects the name of a recipe. Copy the file to "
            f"{task.recipe_path(task.default_recipe).parent}."
        )
    print(f"Recorded: {record(task, request.recipe, request.words)}")
