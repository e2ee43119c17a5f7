"""Trainings that take no time: processes that write a history, and a clock."""

import csv
import io
from pathlib import Path
from types import SimpleNamespace

from apps.common.config import save_config
from experiments.tuning import command, training

STEP_S = 10  # seconds of the clock that an epoch takes


class Interrupted(BaseException):
    """Takes the place of Ctrl-C."""


class Trainings:
    """Starts fake processes in place of trainings, and notes their words.

    Each look at a process lets it train for another epoch.

    Args:
        patch: A `pytest.MonkeyPatch`.
        task: A `Task`.
        score: A function from the number of a trial, its `Config` and the epoch to the
            validation accuracy.
        codes: Exit codes by number of the trial; 0 elsewhere. A process that fails does
            so before its second epoch.
    """

    def __init__(self, patch, task, score=None, codes=None):
        self.task, self.score, self.codes = task, score or good_score, codes or {}
        self.words, self.killed, self.now = [], [], 0.0
        self.interrupt = lambda number, epoch: False
        clock = SimpleNamespace(monotonic=lambda: self.now)
        patch.setattr(command, "time", clock)
        patch.setattr(training, "time", SimpleNamespace(sleep=lambda seconds: None))
        patch.setattr(training, "start", self.start)

    def start(self, words, log):
        """Takes the place of `training.start`."""
        self.words.append(words)
        return _Process(self, words, log)

    @property
    def numbers(self):
        """The numbers of the trials whose training began, in order."""
        return [number_of(words) for words in self.words]


def number_of(words):
    """Returns the number of the trial that is trained by a command's words."""
    return int(words[-1].rpartition("-")[2])


def good_score(number, config, epoch):
    """Returns an accuracy that is best with little dropout and a high rate."""
    quality = 0.9 - 0.5 * config.model.dropout - abs(config.train.learning_rate - 0.002)
    return quality * (1 + epoch / config.train.epochs) / 2


class _Process:
    def __init__(self, trainings, words, log):
        self.trainings, self.log = trainings, log.name
        self.stdin, self.returncode = io.BytesIO(), None
        _, recipe, _, *overrides, directory = words
        self.number = number_of(words)
        self.directory = Path(directory.partition("=")[2])
        self.config = trainings.task.config(recipe, overrides)
        self.directory.mkdir(exist_ok=True)
        save_config(self.config, self.directory / "config.yaml")
        self.rows = training.history_of(self.directory)

    def poll(self):
        """Trains for an epoch; returns the exit code at the end."""
        epoch, trainings = len(self.rows) + 1, self.trainings
        if trainings.interrupt(self.number, epoch):
            raise Interrupted
        code = trainings.codes.get(self.number, 0)
        if code and epoch > 1:
            with open(self.log, "a") as log:
                log.write(f"Training...\nError: Fault {self.number}.\n")
            self.returncode = code
        elif epoch > self.config.train.epochs:
            (self.directory / "model.keras").write_bytes(b"model")
            self.returncode = 0
        else:
            trainings.now += STEP_S
            score = trainings.score(self.number, self.config, epoch)
            row = {"epoch": epoch, "val_accuracy": score, "seconds": STEP_S}
            self.rows.append(row)
            with open(self.directory / "history.csv", "w", newline="") as file:
                writer = csv.DictWriter(file, row)
                writer.writeheader()
                writer.writerows(self.rows)
            (self.directory / "checkpoint.npz").write_bytes(b"weights")
            (self.directory / "logs").mkdir(exist_ok=True)
            (self.directory / "logs" / "events").write_bytes(b"log")
        return self.returncode

    def kill(self):
        """Notes that a running process is killed."""
        if self.returncode is None:
            self.trainings.killed.append(self.number)
            self.returncode = -9

    def wait(self):
        """Returns at once: the process has ended."""
