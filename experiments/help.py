"""Text of --help: recipes, verbs and every setting of an app, in two columns."""

import argparse
import dataclasses
import shutil
from functools import partial
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import docstring_parser

from apps.common.config import OR_AUTO
from experiments.task import RUNS

MIN_WIDTH, MAX_WIDTH = 80, 100  # columns
MAX_NAME_WIDTH = 34  # longer names get a line for themselves
BOUNDS = ("ge", "gt", "le", "lt")
PLAIN_TYPES = {bool: "true or false", int: "integer", float: "number", str: "text"}


class TaskParser(argparse.ArgumentParser):
    """Parser of a task's command line; only --help reads recipes and settings.

    Args:
        task: A `Task`.
        verbs: Meanings of the verbs, by name.
        default_verbs: Verbs of a command that names none.
    """

    def __init__(self, task, verbs, default_verbs):
        self.task, self.verbs, self.default_verbs = task, verbs, default_verbs
        super().__init__(
            prog=f"python -m experiments.{task.name}",
            usage="%(prog)s\n       [RECIPE] [VERB ...] [section.key=value ...]",
            description=task.summary,
            formatter_class=partial(
                argparse.RawDescriptionHelpFormatter, width=help_width()
            ),
        )

    def format_help(self):
        """Returns the help text."""
        self.epilog = "\n".join(
            [
                columns([self._recipes(), self._verbs(), *settings(self.task)]),
                f"""words that set values:
  RECIPE is a name of these, or the path of a .yaml file of your own.
  section.key=value replaces a setting of the recipe.
  run_directory=DIR replaces the run directory; the default is
  {RUNS}/{self.task.name}/RECIPE/seed-N.
""",
                "examples:",
                *(f"  {example}" for example in self._examples()),
            ]
        )
        return super().format_help()

    def _recipes(self):
        recipes = {name: self._first_comment(name) for name in self.task.recipes()}
        return "recipes (the first is the default)", recipes

    def _verbs(self):
        return f"verbs (default: {' '.join(self.default_verbs)})", self.verbs

    def _first_comment(self, recipe):
        text = self.task.recipe_path(recipe).read_text(encoding="utf-8")
        first = text.split("\n", 1)[0]
        return first.lstrip("# ") if first.startswith("#") else ""

    def _examples(self):
        question = repr(self.task.questions[0])
        if len(f"  {self.prog} explain {question}") > MIN_WIDTH:
            question = "--file inputs.txt"
        return (
            self.prog,
            f"{self.prog} {self.task.default_recipe} train train.seed=2",
            f"{self.prog} predict {question}",
            f"{self.prog} predict --file a.csv --output b.csv",
            f"{self.prog} explain {question}",
            f"{self.prog} {self.task.default_recipe} tune --minutes 60",
            f"{self.prog} {self.task.default_recipe} record",
        )


def help_width():
    """Returns the columns of a help text: those of the terminal, within limits."""
    return max(MIN_WIDTH, min(shutil.get_terminal_size().columns, MAX_WIDTH))


def columns(sections):
    """Returns sections of two columns, laid out and wrapped by argparse.

    Args:
        sections: Pairs of a heading and a dictionary, `{name: text}`.
    """
    formatter = argparse.HelpFormatter("", 2, MAX_NAME_WIDTH, help_width())
    for heading, rows in sections:
        formatter.start_section(heading)
        formatter.add_arguments(
            argparse.Action((), name, metavar=name, help=text.replace("%", "%%"))
            for name, text in rows.items()
        )
        formatter.end_section()
    return formatter.format_help()


def settings(task):
    """Returns a section for each section of the app's `Config`.

    Each setting has its type, its default and, from the docstring, its meaning.
    """
    return [
        (f"settings of {section.name}", _settings_of(section.name, section.type))
        for section in dataclasses.fields(task.config_class())
    ]


def _settings_of(section, section_class):
    types = get_type_hints(section_class, include_extras=True)
    meanings = documented_meanings(section_class)
    return {
        f"{section}.{field.name}": (
            f"{type_in_words(types[field.name])} (default: {_as_yaml(field.default)})"
            f". {meanings.get(field.name, '')}".removesuffix(". ")
        )
        for field in dataclasses.fields(section_class)
    }


def documented_meanings(section_class):
    """Returns the meanings of settings, from "Attributes:" of the docstrings.

    A section inherits the meanings of its base class, and can replace them.
    """
    meanings = {}
    for one in reversed(section_class.__mro__[:-1]):
        parsed = docstring_parser.parse(
            one.__doc__, docstring_parser.DocstringStyle.GOOGLE
        )
        for attribute in parsed.params:
            meanings[attribute.arg_name] = " ".join(attribute.description.split())
    return meanings


def type_in_words(annotation):
    """Returns the type of a setting in words, with its limits.

    >>> type_in_words(Literal["max", "mean"]), type_in_words(bool)
    ('one of: max, mean', 'true or false')
    """
    if get_origin(annotation) is Literal:
        return f"one of: {', '.join(map(_as_yaml, get_args(annotation)))}"
    if get_origin(annotation) is not Annotated:
        return PLAIN_TYPES[annotation]
    plain_type, *constraints = get_args(annotation)
    if OR_AUTO in constraints:
        constraints.remove(OR_AUTO)
        return f"{type_in_words(Annotated[plain_type, *constraints])}, or auto"
    limits = {}
    for constraint in constraints:
        for part in (constraint, *getattr(constraint, "metadata", ())):
            limits |= {
                name: getattr(part, name) for name in BOUNDS if hasattr(part, name)
            }
    return _limited(PLAIN_TYPES[plain_type], **limits)


def _limited(noun, ge=None, gt=None, le=None, lt=None):
    """Returns a noun with its limits: "number from 0 to below 1"."""
    if gt == 0 and le is None and lt is None:
        return f"positive {noun}"
    words = [noun]
    if ge is not None:
        words.append(f"from {ge:g}")
    if gt is not None:
        words.append(f"above {gt:g}")
    if le is not None:
        words.append(f"to {le:g}")
    if lt is not None:
        words.append(f"to below {lt:g}")
    return " ".join(words)


def _as_yaml(value):
    """Returns a value as a recipe has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != "" else '""'
