"""The command line of a task: reads a recipe and settings, and runs verbs."""

import argparse
import dataclasses
import functools
import os
import sys
import time
from pathlib import Path

from apps.common.config import closest
from apps.common.finished import (
    check_overrides,
    export_already,
    is_finished,
    metrics_already,
    trained_already,
)
from apps.common.portable.run_files import EXPLANATIONS
from apps.common.portable.terminal import report_errors
from experiments.answering import AUTO, ENGINES, answers_of
from experiments.closing import print_closing_table
from experiments.help import TaskParser
from experiments.record import record
from experiments.scored import Report, check_files, predict_file, rows_of
from experiments.task import run_directory
from experiments.writers import as_json

VERBS = {
    "train": "train until the run directory has model.keras; resumes a stopped run",
    "evaluate": "measure the model on the test split; writes metrics.json and plots",
    "explain": "draw gates and cell state for your own input, or for an example",
    "export": "write a SavedModel that takes raw input, for TensorFlow Serving",
    "predict": "print the outputs for your own input: words, --file or standard input; "
    "--output writes them beside the columns of the file",
    "record": "write the metrics of finished runs to experiments/results",
}
DEFAULT_VERBS = ["train", "evaluate", "export"]
CLUSTER = ("TF_CONFIG", "SLURM_STEP_NUM_TASKS")  # without them there is one worker
TAKES_INPUT = ("predict", "explain", "record")  # every later word is its input


@dataclasses.dataclass(frozen=True)
class Request:
    """A parsed command line.

    Attributes:
        recipe: Name of the recipe.
        verbs: Verbs in the order in which they run.
        overrides: Strings `section.key=value`.
        run_directory: The user's own run directory, or None.
        words: Inputs of `predict` and `explain`, or run directories of `record`.
        file: File of inputs of `predict` and `explain`, or None.
        output: File to which `predict` writes the rows of `file`, or None.
        engine: Engine of `predict`, one of `ENGINES`.
    """

    recipe: str
    verbs: list
    overrides: list
    run_directory: Path | None
    words: list
    file: Path | None = None
    output: Path | None = None
    engine: str = AUTO


def main(task, arguments=None):
    """Runs the command line of a task; exits with 1 if rows of `--file` had a fault."""
    options = _parser(task).parse_args(arguments)
    with report_errors():
        request = dataclasses.replace(
            parse(task, options.words),
            file=options.file,
            output=options.output,
            engine=options.engine,
        )
        _check_files(request)
        if run(task, request).get("faults"):
            sys.exit(1)


def _check_files(request):
    """Raises ValueError for files that no verb reads or writes."""
    takes_file = {"predict", "explain"} & set(request.verbs)
    if request.file is None:
        if request.output:
            raise ValueError("--output goes with --file.")
        return
    if not takes_file:
        raise ValueError("--file goes with the verbs predict and explain.")
    if request.words:
        raise ValueError("Give inputs or --file, not both.")
    if request.output and "predict" not in takes_file:
        raise ValueError("--output goes with the verb predict.")
    check_files(request.file, request.output and Path(request.output))


def parse(task, words):
    """Parses the words of a command line into a `Request`.

    Every word after `predict`, `explain` or `record` is an input of that verb, except
    `run_directory=DIR`, which may stand anywhere.

    Raises:
        ValueError: If a word is no recipe, verb, setting or input.
    """
    recipes, recipe, verbs, overrides, directory = task.recipes(), None, [], [], None
    rest = []
    for word in words:
        if word.startswith("run_directory="):
            directory = Path(word.partition("=")[2])
        else:
            rest.append(word)
    while rest:
        word = rest.pop(0)
        if "=" in word:
            overrides.append(word)
        elif word in VERBS:
            verbs.append(word)
            if word in TAKES_INPUT:
                break
        elif recipe is None and word in recipes:
            recipe = word
        else:
            raise ValueError(
                f"{word!r} is no recipe, verb or section.key=value."
                f"{closest(word, [*recipes, *VERBS])} Recipes: {', '.join(recipes)}. "
                f"Verbs: {', '.join(VERBS)}."
            )
    verbs = sorted(set(verbs or DEFAULT_VERBS), key=list(VERBS).index)
    return Request(recipe or task.default_recipe, verbs, overrides, directory, rest)


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
    inputs = _inputs(request.words)  # before the run is loaded: errors come at once
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
        inputs, faults = _good_inputs(predictor(), request)
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


def _good_inputs(predictor, request):
    """Returns the inputs of a file, and how many rows were left out for a fault.

    Raises:
        ValueError: If no row has an input.
    """
    report, inputs = Report(request.file), []
    for row in rows_of(predictor, request.file, request.overrides)():
        report.add(row.fault)
        if not row.fault:
            inputs.append(row.input)
    report.close()
    if not inputs:
        raise ValueError(f"{request.file}: no row can be drawn.")
    return inputs, report.faults


def _record(task, request):
    print(f"Recorded: {record(task, request.recipe, request.words)}")


def _inputs(words):
    """Returns the user's inputs: words, or the lines of standard input."""
    inputs = words or _lines(sys.stdin.read())
    if not inputs:
        raise ValueError("No input. Give it as words, with --file, or piped.")
    return inputs


def _lines(text):
    """Returns the lines of a text; only line feeds separate lines, as in editors."""
    return [line.rstrip("\r") for line in text.removesuffix("\n").split("\n") if text]


def _parser(task):
    parser = TaskParser(task, VERBS, DEFAULT_VERBS)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument(
        "--file",
        help="predict, explain: a file of inputs: CSV, TSV, JSON Lines, or a text a "
        "line; for speech commands also a sound file or a folder of them, for question "
        "answering SQuAD's format or a story file",
    )
    parser.add_argument(
        "--output",
        help="predict: a new .csv, .tsv or .jsonl file with the rows of --file, their "
        "own columns beside the outputs; rows with a fault have it in the column "
        "error, and the exit status is then 1",
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=AUTO,
        help="predict: auto (default) takes ONNX Runtime if the run has an export of "
        "the same weights with onnx/, else TensorFlow",
    )
    return parser
