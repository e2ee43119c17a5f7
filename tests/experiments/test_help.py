"""The help of every task: all settings with type, default and meaning, in columns."""

import dataclasses
import os
import re
import subprocess
import sys
from typing import Annotated, Literal

import pytest
from pydantic import Field

from apps.common.config import OR_AUTO, Count, Fraction, Positive, Rate, Weight
from experiments.help import (
    MAX_WIDTH,
    MIN_WIDTH,
    columns,
    documented_meanings,
    help_width,
    type_in_words,
)
from experiments.run import main
from experiments.tasks import TASKS


@pytest.fixture
def shown(monkeypatch, capsys):
    """Runs --help in a terminal of a given width; returns the text."""

    def shown(task, width=MIN_WIDTH):
        monkeypatch.setenv("COLUMNS", str(width))
        with pytest.raises(SystemExit) as ended:
            main(task, ["--help"])
        assert ended.value.code == 0
        return capsys.readouterr().out

    return shown


def fields_of(task):
    """Yields section and field of each setting of an app."""
    for section in dataclasses.fields(task.config_class()):
        for field in dataclasses.fields(section.type):
            yield section, field


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_help_lists_every_setting_with_its_default(task, shown):
    text = " ".join(shown(task).split())
    for section, field in fields_of(task):
        name = f"{section.name}.{field.name}"
        assert text.count(f" {name} ") == 1, name
        entry = text.split(f" {name} ")[1]
        default = field.default
        if isinstance(default, bool):
            default = str(default).lower()
        expected = f"(default: {default if default != '' else chr(34) * 2})"
        assert expected in entry.split(f" {section.name}.")[0], name


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_help_has_the_documented_meaning_of_a_setting(task, shown):
    text = " ".join(re.sub(r"-\n +", "-", shown(task)).split())
    for section in {section.type for section, _ in fields_of(task)}:
        meanings = documented_meanings(section)
        assert set(meanings) <= {field.name for field in dataclasses.fields(section)}
        for meaning in meanings.values():
            assert meaning[:20] in text


@pytest.mark.parametrize("width", [40, 80, 90, 100, 300])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_no_line_of_the_help_is_longer_than_its_width(task, width, shown):
    text = shown(task, width)
    assert MIN_WIDTH <= help_width() <= MAX_WIDTH
    assert max(map(len, text.splitlines())) <= help_width()


def test_columns_never_run_into_each_other(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = columns([("names", {"short": "a", "n" * 50: "b", "m" * 30: "100 % c"})])
    assert [line.split() for line in text.splitlines()] == [
        *(["names:"], ["short", "a"], ["n" * 50], ["b"], ["m" * 30, "100", "%", "c"]),
    ]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Positive, "positive integer"),
        (Annotated[Positive, OR_AUTO], "positive integer, or auto"),
        (Count, "integer from 0"),
        (Fraction, "number from 0 to below 1"),
        (Rate, "positive number"),
        (Weight, "number from 0"),
        (Annotated[int, Field(ge=1, le=50)], "integer from 1 to 50"),
        (Annotated[float, Field(gt=2, le=4)], "number above 2 to 4"),
        (Literal["a", "b"], "one of: a, b"),
        (bool, "true or false"),
        (float, "number"),
        (str, "text"),
    ],
)
def test_a_type_is_said_in_words_with_its_limits(annotation, words):
    assert type_in_words(annotation) == words


def test_the_help_loads_neither_tensorflow_nor_optuna():
    """In a fresh process, for all tasks and for `python -m experiments`."""
    program = """
import contextlib, sys
from experiments import __main__ as everything
from experiments.run import main
from experiments.tasks import TASKS
for task in TASKS.values():
    with contextlib.suppress(SystemExit):
        main(task, ["--help"])
with contextlib.suppress(SystemExit):
    everything.main(["--help"])
assert not {"tensorflow", "optuna"} & set(sys.modules)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: ") == len(TASKS) + 1
