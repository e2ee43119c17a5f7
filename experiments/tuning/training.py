"""Starts the training of a trial in a process, and watches its history."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

from apps.common.finished import read_history
from apps.common.portable.run_files import HISTORY
from apps.common.portable.terminal import last_line
from experiments.tables import ROOT

POLL_S = 0.5  # between two looks at the history
ERROR = "Error: "


class Training:
    """The training of a trial, in a process that ends with this one.

    Args:
        words: The task's name, and the words of its command line.
        directory: The run directory.
    """

    def __init__(self, words, directory):
        self.directory = directory
        self.log = directory.with_suffix(".log")
        self._words = [*words, f"run_directory={directory}"]

    def __enter__(self):
        """Starts the process; its output goes to a file beside the run directory."""
        with open(self.log, "wb") as log:
            self._process = start(self._words, log)
        return self

    def __exit__(self, *error):
        """Kills the process, if it has not ended."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()

    def histories(self):
        """Yields the rows of the history, again and again until the process ends."""
        ended = False
        while not ended:
            ended = self._process.poll() is not None
            yield history_of(self.directory)
            if not ended:
                time.sleep(POLL_S)

    @property
    def code(self):
        """The exit code of the process; negative if a signal ended it."""
        return self._process.returncode

    def failure(self):
        """Returns in one line why the process failed."""
        if self.code < 0:
            return f"signal {-self.code} ended the training."
        text = self.log.read_text(encoding="utf-8", errors="replace")
        errors = [line for line in text.splitlines() if line.startswith(ERROR)]
        return errors[-1].removeprefix(ERROR) if errors else last_line(text)


def start(words, log):
    """Starts `experiments.trial`; Ctrl-C does not reach it, the end of a pipe does."""
    paths = str(ROOT), os.environ.get("PYTHONPATH")  # the user may be elsewhere
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.trial", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def history_of(directory):
    """Returns the rows of a run's `history.csv`, none if there is no such file yet."""
    return read_history(directory) if Path(directory, HISTORY).exists() else []


def best_value(history, monitor, mode):
    """Returns the best value of a metric, of which early stopping keeps the weights.

    Returns None if there is no evaluation with a finite value.
    """
    values = [row[monitor] for row in history if math.isfinite(row[monitor])]
    return {"max": max, "min": min}[mode](values, default=None)
