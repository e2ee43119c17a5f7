"""The one command line that reads recipes, for every task."""

import argparse
import functools
import importlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apps.common.config import closest, load_config
from apps.common.portable.terminal import report_errors

RECIPES = Path(__file__).parent / "recipes"
RUNS = Path("runs")
VERBS = {
    "train": "train until the run directory has model.keras; resumes what was cut off",
    "evaluate": "measure the model on held-out data; writes metrics.json and plots",
    "explain": "draw what the gates did with your own input, or with an example",
    "export": "write a SavedModel that takes raw input, for TensorFlow Serving",
    "predict": "answer for your own input: words after it, --file, or standard input",
    "record": "write what finished runs reached to experiments/results",
}
DEFAULT_VERBS = ["train", "evaluate", "export"]
LAST = ("predict", "explain", "record")  # what follows them is theirs


@dataclass(frozen=True)
class Task:
    """What the command line has to know of an app.

    Attributes:
        name: Name of the package below `apps`.
        summary: One line for the help text.
        default_recipe: Recipe when none is named.
        headline: Metrics for the closing table.
        questions: Two inputs to ask a newly exported model.
        asked: Where the model takes something else than one text: a function from the
            `Predictor` to names of inputs and the inputs, by name if there are more.
        explained: A function from it to examples for `explain`, as `predict` takes
            them; by default the questions.
        fold: Setting of the section data in which the runs of a cross-validation
            differ.
    """

    name: str
    summary: str
    default_recipe: str
    headline: tuple
    questions: tuple
    asked: Callable | None = None
    explained: Callable | None = None
    fold: str | None = None

    def function(self, verb):
        """Returns the function of the app that does a verb."""
        return getattr(importlib.import_module(f"apps.{self.name}.{verb}"), verb)

    def predictor(self, directory):
        """Returns the app's `Predictor` of a run whose training has ended."""
        module = importlib.import_module(f"apps.{self.name}.predict")
        return module.Predictor.load(directory)

    def examples(self, predictor):
        """Returns what `explain` draws when it is given nothing."""
        return self.explained(predictor) if self.explained else self.questions

    def config_class(self):
        """Returns the app's `Config`."""
        return importlib.import_module(f"apps.{self.name}.config").Config

    def config(self, recipe, overrides):
        """Returns the `Config` of a recipe with settings changed."""
        return load_config(self.config_class(), self.recipe_path(recipe), overrides)

    def recipe_path(self, recipe):
        """Returns the YAML file of a recipe."""
        return RECIPES / self.name / f"{recipe}.yaml"

    def recipes(self):
        """Returns the recipes by name, the default first."""
        found = sorted(path.stem for path in (RECIPES / self.name).glob("*.yaml"))
        return sorted(found, key=lambda name: name != self.default_recipe)


@dataclass(frozen=True)
class Request:
    """What one command line asks for."""

    recipe: str
    verbs: list
    overrides: list
    run_directory: Path | None
    words: list


def main(task, arguments=None):
    """Runs the command line of a task."""
    parser = _parser(task)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with report_errors():
        request = parse(task, options.words)
        if options.file and not {"predict", "explain"} & set(request.verbs):
            raise ValueError("--file goes with the verbs predict and explain.")
        run(task, request, options.file)


def parse(task, words):
    """Sorts the words of a command line into recipe, verbs, overrides and input.

    What stands after `predict`, `explain` or `record` belongs to that verb, but a
    `run_directory=` may stand anywhere.

    Raises:
        ValueError: If a word is none of these.
    """
    recipes, recipe, verbs, overrides, directory = task.recipes(), None, [], [], None
    rest = [word for word in words if not word.startswith("run_directory=")]
    for word in set(words) - set(rest):
        directory = Path(word.partition("=")[2])
    while rest:
        word = rest.pop(0)
        if "=" in word:
            overrides.append(word)
        elif word in VERBS:
            verbs.append(word)
            if word in LAST:
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


def run(task, request, file=None):
    """Does the verbs of a request in order, and closes with a table."""
    config = task.config(request.recipe, request.overrides)
    directory = request.run_directory or run_directory(task, request.recipe, config)
    done, verbs = {}, request.verbs
    predictor = functools.cache(lambda: task.predictor(directory))  # one for all verbs
    if not _is_chief():
        verbs = [verb for verb in verbs if verb == "train"]
        if verbs != request.verbs:
            print("Of several workers the chief does what comes after training.")
    for verb in verbs:
        if verb == "train":
            print(f"Training {task.name} with the recipe {request.recipe}: {directory}")
            task.function("train")(config, directory)
        elif verb == "predict":
            inputs = _inputs(request.words, file)  # refused before anything is read
            for answer in predictor().predict(inputs):
                line = json.dumps(answer, ensure_ascii=False)
                print(line.encode("utf-8", "replace").decode())
        elif verb == "explain":
            _explain(task, directory, predictor, request.words, file)
        elif verb == "record":
            from experiments.results.tables import record

            print(f"Recorded: {record(task, request.recipe, request.words)}")
        else:
            print(f"{verb.capitalize().removesuffix('e')}ing {directory}")
            done[verb] = task.function(verb)(predictor())
    _closing_table(task, directory, done)
    return done


def _is_chief():
    """Whether this process is the one of its workers that does the other verbs."""
    from apps.common.training.cluster import cluster_of

    cluster = cluster_of(os.environ)
    return cluster is None or cluster.index == 0


def run_directory(task, recipe, config):
    """Returns `runs/<task>/<recipe>/seed-<n>`, the fold after it if there is one."""
    fold = getattr(config.data, task.fold) if task.fold else ""
    name = f"seed-{config.train.seed}{fold and '-'}{fold}"
    return RUNS / task.name / recipe / name


def _explain(task, directory, predictor, words, file):
    """Draws the user's inputs, or once and for all the examples."""
    if not words and not file:
        if drawn := sorted((directory / "explain").glob("*.html")):
            print(f"{drawn[0]} is drawn already.")
            return
        words = task.examples(predictor())
    inputs = _inputs(words, file)
    for path in task.function("explain")(predictor(), inputs):
        print(f"Drawn: {path}, and as a picture {path.with_suffix('.png').name}")


def _inputs(words, file):
    """Returns the user's inputs: words, or the lines of a file or of standard input."""
    if file and words:
        raise ValueError("Give inputs or --file, not both.")
    if file:
        try:
            inputs = _lines(Path(file).read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise ValueError(
                f"{file}: not UTF-8. Convert the file, for example with iconv."
            ) from None
    else:
        inputs = words or _lines(sys.stdin.read())
    if not inputs:
        raise ValueError("No input. Give it as words, with --file, or piped.")
    return inputs


def _lines(text):
    """Returns the lines of a text as editors count them."""
    return [line.rstrip("\r") for line in text.removesuffix("\n").split("\n") if text]


def _closing_table(task, directory, done):
    metrics = done.get("evaluate")
    rows = []
    if metrics:
        rows.append(("data", f"{metrics['dataset']}, {metrics['split']} split"))
        rows += [
            (name, f"{metrics[name]:.4f}")
            for name in task.headline
            if metrics[name] is not None
        ]
        rows.append(("training", f"{metrics['train_minutes']:.1f} minutes"))
    if "export" in done:
        rows.append(("exported", str(done["export"])))
    if rows:
        rows.append(("run", str(directory)))
        width = max(len(name) for name, _ in rows)
        print("\n" + "\n".join(f"  {name:<{width}}  {value}" for name, value in rows))


def _parser(task):
    command = f"python -m experiments.{task.name}"
    recipes = "\n".join(
        f"  {name:<18}{_first_comment(RECIPES / task.name / f'{name}.yaml')}"
        for name in task.recipes()
    )
    verbs = "\n".join(f"  {verb:<18}{what}" for verb, what in VERBS.items())
    parser = argparse.ArgumentParser(
        prog=command,
        usage="%(prog)s [RECIPE] [VERB ...] [section.key=value ...]",
        description=task.summary,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"""recipes (the first is the default):
{recipes}

verbs (without one: {" ".join(DEFAULT_VERBS)}):
{verbs}

settings:
  section.key=value changes a setting of the recipe; config.yaml in a run directory
  lists them all. run_directory=DIR takes another run directory than
  {RUNS}/{task.name}/RECIPE/seed-N.

examples:
  {command}
  {command} {task.default_recipe} train train.seed=2
  {command} predict {task.questions[0]!r}
  {command} explain {task.questions[0]!r}
  {command} {task.default_recipe} record
""",
    )
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--file", help="predict, explain: a file with one input a line")
    return parser


def _first_comment(path):
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    return first.lstrip("# ") if first.startswith("#") else ""
