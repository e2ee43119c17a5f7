"""A task whose trainings are fakes, and the command `tune` in an empty directory."""

import csv
from pathlib import Path

import pytest

from experiments.run import main
from experiments.tuning import outcome
from tests.experiments.conftest import recipes, task  # noqa: F401 - fixtures
from tests.experiments.tuning.fakes import Trainings

HERE = Path("runs/sentiment/small/tune")
EPOCHS = 6
DRAW = outcome._draw


@pytest.fixture
def trainings(task, recipes, monkeypatch):  # noqa: F811
    """Fake trainings of `EPOCHS` epochs; a trial takes a minute of their clock.

    Nothing is drawn, which takes half a second.
    """
    monkeypatch.setattr(outcome, "_draw", lambda tuned: [])
    return Trainings(monkeypatch, task)


@pytest.fixture
def tune(task, trainings):  # noqa: F811
    """Tunes the recipe small; returns the rows of the table."""

    def tune(minutes, *words):
        settings = [f"train.epochs={EPOCHS}", *words]
        main(task, ["tune", "--minutes", str(minutes), *settings])
        return rows_of(HERE)

    return tune


@pytest.fixture
def refused(tune, capsys):
    """Tunes in vain; returns the exit code and the line on standard error."""

    def refused(*words):
        with pytest.raises(SystemExit) as ended:
            tune(*words)
        return ended.value.code, capsys.readouterr().err

    return refused


def rows_of(directory):
    """Returns the rows of a directory's `trials.csv` as dictionaries of text."""
    with open(directory / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))
