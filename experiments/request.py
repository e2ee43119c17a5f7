"""Parses the command line of a task into a `Request`."""

import argparse
import dataclasses
from pathlib import Path

from apps.common.config import closest
from experiments.answering import AUTO, ENGINES
from experiments.help import TaskParser
from experiments.scored import check_files
from experiments.task import is_recipe_file

VERBS = {
    "train": "train until the run directory has model.keras; resumes a stopped run",
    "evaluate": "measure the model on the test split; writes metrics.json and plots",
    "explain": "draw gates and cell state for your own input, or for an example",
    "export": "write a SavedModel that takes raw input, for TensorFlow Serving",
    "predict": "print the outputs for your own input: words, --file or standard input; "
    "--output writes them beside the columns of the file",
    "tune": "search settings that do better on the validation split, for --minutes; "
    "writes them as a recipe; resumes a stopped search",
    "record": "write the metrics of finished runs to experiments/results",
}
DEFAULT_MINUTES = 60  # of tune
DEFAULT_VERBS = ["train", "evaluate", "export"]
TAKES_INPUT = ("predict", "explain", "record")  # every later word is its input


@dataclasses.dataclass(frozen=True)
class Request:
    """A parsed command line.

    Attributes:
        recipe: Name of the recipe, or the path of its file.
        verbs: Verbs in the order in which they run.
        overrides: Strings `section.key=value`.
        run_directory: The user's own run directory, or None.
        words: Inputs of `predict` and `explain`, or run directories of `record`.
        file: File of inputs of `predict` and `explain`, or None.
        output: File to which `predict` writes the rows of `file`, or None.
        engine: Engine of `predict`, one of `ENGINES`.
        minutes: Minutes for which `tune` searches, or None for the default.
    """

    recipe: str
    verbs: list
    overrides: list
    run_directory: Path | None
    words: list
    file: Path | None = None
    output: Path | None = None
    engine: str = AUTO
    minutes: float | None = None


def request_of(task, options):
    """Returns the `Request` of the options that `parser_of` parsed.

    Raises:
        ValueError: If a word is no recipe, verb, setting or input, or an option goes
            with none of the verbs.
    """
    request = dataclasses.replace(
        parse(task, options.words),
        file=options.file,
        output=options.output,
        engine=options.engine,
        minutes=options.minutes,
    )
    _check_files(request)
    _check_tune(request)
    return request


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


def _check_tune(request):
    """Raises ValueError if `tune` cannot run, or `--minutes` goes with another verb."""
    if "tune" not in request.verbs:
        if request.minutes is not None:
            raise ValueError("--minutes goes with the verb tune.")
        return
    if len(request.verbs) > 1:
        raise ValueError(
            f"tune: expected no other verb. Received: {', '.join(request.verbs)}. Give "
            "the others in another command, with the recipe that tune writes."
        )
    if request.minutes is not None and not request.minutes > 0:
        raise ValueError(
            f"--minutes: expected more than 0. Received: {request.minutes:g}."
        )


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
        elif recipe is None and (word in recipes or is_recipe_file(word)):
            recipe = word
            if not task.recipe_path(recipe).is_file():
                raise ValueError(f"{word}: there is no such recipe file.")
        else:
            raise ValueError(
                f"{word!r} is no recipe, verb or section.key=value."
                f"{closest(word, [*recipes, *VERBS])} Recipes: {', '.join(recipes)}. "
                f"Verbs: {', '.join(VERBS)}."
            )
    verbs = sorted(set(verbs or DEFAULT_VERBS), key=list(VERBS).index)
    return Request(recipe or task.default_recipe, verbs, overrides, directory, rest)


def parser_of(task):
    """Returns the parser of a task's command line."""
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
    parser.add_argument(
        "--minutes",
        type=float,
        help=f"tune: minutes of training, by default {DEFAULT_MINUTES}, those of "
        "earlier calls included; the first trial ends in any case",
    )
    return parser
