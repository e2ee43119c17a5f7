"""The process of a trial: it ends with the one that waits for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.killing import ROOT

PATIENCE_S = 60
# A search whose training sleeps; it prints the training's process id.
SEARCH = """
import sys
from pathlib import Path
from experiments.tuning import training
python = [sys.executable, "-c", '''
import sys, threading, time
from experiments import trial
trial.run = lambda task, words: time.sleep(600)
trial.main(["sentiment", "train"])
''']
popen = training.subprocess.Popen
training.subprocess.Popen = lambda words, **options: popen(python, **options)
with training.Training([], Path(sys.argv[1])) as running:
    print(running._process.pid, flush=True)
    for history in running.histories():
        assert history == []
"""


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_training_ends_when_its_search_is_killed(tmp_path):
    command = [sys.executable, "-c", SEARCH, str(tmp_path / "trial-000")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment
    ) as search:
        training = int(search.stdout.readline())
        assert is_alive(training)
        search.kill()
    until = time.monotonic() + PATIENCE_S
    while left := is_alive(training):
        if time.monotonic() > until:
            os.kill(training, signal.SIGKILL)
            break
        time.sleep(0.05)
    assert not left
