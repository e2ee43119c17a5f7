"""A search that a real SIGKILL ends goes on, and tries what it would have tried."""

import csv

import pytest

from tests.faults.killing import killed, run

PROGRAM = """
import pytest
from experiments.run import main
from experiments.tasks import TASKS
from experiments.tuning import outcome
from tests.experiments.tuning.fakes import Trainings
outcome._draw = lambda tuned: []
Trainings(pytest.MonkeyPatch(), TASKS["sentiment"])
words = ["tune", "--minutes", "3.9", "movie_snippets", "train.epochs=8"]
main(TASKS["sentiment"], [*words, "run_directory=tune"])
"""
MOMENTS = [
    ("experiments.tuning.study.write_json", 1, True),  # before there is a study
    ("experiments.tuning.command.next_trial", 2, True),  # before it has settings
    ("experiments.tuning.command.settings_of", 2, True),
    ("experiments.tuning.command.best_value", 14),  # within a training
    ("shutil.rmtree", 1),  # after a trial
    ("experiments.tuning.outcome._write_table", 1),
]


def trials(directory):
    """Returns the rows of `trials.csv`."""
    with open(directory / "tune" / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_search_killed_at_any_time_tries_what_an_undisturbed_one_does(tmp_path):
    """The recipe trains for eight epochs, 80 s of the fakes' clock."""
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    assert run(PROGRAM, cwd=undisturbed).returncode == 0
    expected = trials(undisturbed)
    assert [row["state"] for row in expected] == ["finished"] * 3
    for number, moment in enumerate(MOMENTS):
        (directory := tmp_path / str(number)).mkdir()
        assert killed(PROGRAM, *moment, cwd=directory), moment
        done = run(PROGRAM, cwd=directory)
        assert done.returncode == 0, done.stderr
        assert trials(directory) == expected, moment
