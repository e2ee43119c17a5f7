"""A `Task`: the facts about an app that the command lines need."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apps.common.config import load_config
from serving.engine import DEFAULT_SIGNATURE

RECIPES = Path(__file__).parent / "recipes"
RUNS = Path("runs")


@dataclass(frozen=True)
class Task:
    """The facts about an app that the command lines need.

    Attributes:
        name: Name of the package below `apps`.
        summary: One line for the help text.
        default_recipe: Recipe when the command names none.
        headline: Metrics for the closing table.
        questions: Two example inputs for `explain`, and for the help text.
        ask: A function from the `Answers` of an export to what it answers to examples
            of the test split: rows as `experiments.asking.answer_row` makes them.
        signature: Signature of the export that the `Answers` of `ask` call.
        explain_inputs: A function from the `Predictor` to example inputs for `explain`;
            by default the questions.
        obstacle: A function from the `Config` to why this machine cannot train it, or
            None. It imports no TensorFlow unless there is an obstacle.
        fold: Setting of the section `data` that selects the fold of a cross-validation.
        choose: A function from the `Config` to one whose settings of "auto" that `tune`
            searches are chosen. It may read the data.
    """

    name: str
    summary: str
    default_recipe: str
    headline: tuple
    questions: tuple
    ask: Callable
    signature: str = DEFAULT_SIGNATURE
    explain_inputs: Callable | None = None
    obstacle: Callable | None = None
    fold: str | None = None
    choose: Callable = lambda config: config

    def function(self, verb):
        """Returns the app's function for a verb."""
        return getattr(importlib.import_module(f"apps.{self.name}.{verb}"), verb)

    def predictor(self, directory):
        """Returns the app's `Predictor` of a finished run."""
        module = importlib.import_module(f"apps.{self.name}.predict")
        return module.Predictor.load(directory)

    def answers(self):
        """Returns the app's `Answers`, a class; imports no TensorFlow."""
        return importlib.import_module(f"apps.{self.name}.answers").Answers

    def examples(self, predictor):
        """Returns the inputs that `explain` takes when the user gives none."""
        if self.explain_inputs:
            return self.explain_inputs(predictor)
        return self.questions

    def config_class(self):
        """Returns the app's `Config`."""
        return self._config_module().Config

    def search_space(self, config):
        """Returns what `tune` searches: a `Range` or `Choices` by `section.key`."""
        return self._config_module().search_space(config)

    def monitor(self):
        """Returns the metric that trainings monitor, and its mode, "max" or "min"."""
        monitor = self._config_module().MONITOR
        return monitor["monitor"], monitor["mode"]

    def _config_module(self):
        return importlib.import_module(f"apps.{self.name}.config")

    def config(self, recipe, overrides):
        """Returns the `Config` of a recipe after `section.key=value` overrides."""
        return load_config(self.config_class(), self.recipe_path(recipe), overrides)

    def recipe_path(self, recipe):
        """Returns the YAML file of a recipe: its name's, or the path that it is."""
        if is_recipe_file(recipe):
            return Path(recipe)
        return RECIPES / self.name / f"{recipe}.yaml"

    def recipes(self):
        """Returns the names of the recipes, the default first."""
        names = sorted(path.stem for path in (RECIPES / self.name).glob("*.yaml"))
        return sorted(names, key=lambda name: name != self.default_recipe)


def is_recipe_file(word):
    """Returns whether a word names a recipe by the path of its file."""
    return word.endswith(".yaml")


def runs_directory(task, recipe):
    """Returns `runs/<task>/<recipe>`; of a recipe's file, by its name without .yaml."""
    return RUNS / task.name / task.recipe_path(recipe).stem


def run_directory(task, recipe, config):
    """Returns `runs/<task>/<recipe>/seed-<n>`; a fold adds `-<fold>`."""
    fold = getattr(config.data, task.fold) if task.fold else ""
    name = f"seed-{config.train.seed}{fold and '-'}{fold}"
    return runs_directory(task, recipe) / name
