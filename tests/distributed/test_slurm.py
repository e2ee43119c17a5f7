"""The SLURM script trains with two workers; a script in place of `srun` starts them."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from apps.common.training.cluster import FIRST_PORT, PORTS

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "experiments" / "clusters" / "train.slurm"
PATIENCE_S = 600
SRUN = """#!/usr/bin/env bash
# Starts a command as two tasks of this machine, with the variables of a SLURM step.
export SLURM_STEP_NUM_TASKS=2 SLURM_STEP_TASKS_PER_NODE=2
export SLURM_STEP_NODELIST=localhost SLURMD_NODENAME=localhost
for task in 0 1; do
    SLURM_PROCID=$task "$@" > "task-$task.log" 2>&1 &
    tasks+=($!)
done
for task in "${tasks[@]}"; do wait "$task" || code=$?; done
exit ${code:-0}
"""
PYTHON = f'#!/bin/sh\nexec {sys.executable} "$@"\n'


def test_bash_reads_the_slurm_script():
    subprocess.run(["bash", "-n", SCRIPT], check=True)


@pytest.fixture
def job(tmp_path):
    """A function that runs the script in a directory with `srun` and `.venv`."""
    for path, text in (
        (tmp_path / "bin" / "srun", SRUN),
        (
            tmp_path / ".venv" / "bin" / "python",
            f'#!/bin/sh\nexec {sys.executable} "$@"',
        ),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text)
        path.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SLURM_JOB_ID": str(_job_with_free_ports()),
    }
    started = []

    def run(*words):
        process = subprocess.Popen(
            ["bash", SCRIPT, *map(str, words)],
            cwd=tmp_path,
            env=environment,
            start_new_session=True,
        )
        started.append(process)
        code = process.wait(timeout=PATIENCE_S)
        return code, [(tmp_path / f"task-{n}.log").read_text() for n in range(2)]

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _job_with_free_ports():
    """Returns the number of a SLURM job whose first two ports are free."""
    first = os.getpid() % 1000
    for number in [*range(first, 1000), *range(first)]:
        try:
            for port in range(2):
                address = ("localhost", FIRST_PORT + PORTS * number + port)
                socket.create_server(address).close()
        except OSError:
            continue
        return number
    pytest.fail("No job number has free ports.")


@pytest.mark.slow
def test_two_tasks_train_and_the_chief_goes_on_with_the_other_verbs(
    job, reviews_csv, tmp_path
):
    words = ["sentiment", "files", "evaluate", "export", f"data.file={reviews_csv}"]
    words += ["model.units=4", "train.batch_size=8", "train.epochs=1"]
    words += ["data.vectors=random"]
    code, (chief, other) = job(*words, f"run_directory={tmp_path / 'run'}")
    assert code == 0, chief + other
    assert "the chief does what comes after training" in other
    assert "exported" in chief
    assert "Traceback" not in chief + other
    for name in ("metrics.json", "export/sentiment/1/saved_model.pb"):
        assert (tmp_path / "run" / name).exists()
