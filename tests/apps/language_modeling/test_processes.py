"""A worker encodes a large text in several processes, which end with it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps.language_modeling import corpus, parts, processes
from apps.language_modeling.corpus_steps import encode_part
from apps.language_modeling.data import load_data
from tests.apps.language_modeling.together import (
    SPLITS,
    assert_equal,
    load_together,
)

STEPS = __name__  # the processes import this module
PATIENCE_S = 30

# A parent that is killed while its processes are in a step.
PARENT = """
from multiprocessing import active_children
from apps.language_modeling.processes import processes
from tests.apps.language_modeling import test_processes as steps
if __name__ == "__main__":
    with processes(2, "tests.apps.language_modeling.test_processes") as run:
        list(run(steps.name_process, range(2)))
        print(*(child.pid for child in active_children()), flush=True)
        list(run(steps.sleep, range(2)))
"""


def name_process(item):
    return os.getpid()


def sleep(item):
    time.sleep(2 * PATIENCE_S)


def kill_oneself(item):
    os.kill(os.getpid(), signal.SIGKILL)


def fail(item):
    raise ValueError(f"item {item} is wrong")


def interrupt_parent(item):
    """Presses Ctrl-C, and again if it is lost, as it is in a callback."""
    for _ in range(3):
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(PATIENCE_S / 4)


def last_sleeps(item, step, last):
    (sleep if item == last else step)(item)


def run_beside_a_sleeper(step):
    """Runs a step on 0 while the other process sleeps."""
    with processes.processes(2, STEPS) as run:
        list(run(last_sleeps, range(2), step, 1))


def state(item):
    handled = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return handled, sys.modules["keras"], os.environ["CUDA_VISIBLE_DEVICES"]


def is_alive(process):
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def ctrl_c():
    """Lets Ctrl-C interrupt, which a shell makes its background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("size", "cores", "count"),
    [
        (0, 4, 1),
        (2**29 - 1, 4, 1),
        (2**29, 4, 2),
        (2**29, 1, 1),
        (2**40, 4, 4),
    ],
)
def test_a_large_text_has_a_process_per_256_mib_and_at_most_one_per_core(
    size, cores, count, monkeypatch
):
    monkeypatch.setattr(processes, "available_cores", lambda: list(range(cores)))
    assert processes.process_count(size) == count


def test_one_process_is_this_one():
    with processes.processes(1, STEPS) as run:
        assert list(run(name_process, range(2))) == [os.getpid()] * 2


@pytest.mark.slow
def test_processes_ignore_ctrl_c_and_have_neither_keras_nor_gpus():
    with processes.processes(2, STEPS) as run:
        assert list(run(state, range(4))) == [(True, None, "-1")] * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (fail, ValueError, "item 0 is wrong"),
        (kill_oneself, ChildProcessError, "was killed; .* Run the command again"),
        (interrupt_parent, KeyboardInterrupt, "^$"),
    ],
)
def test_an_error_a_killed_process_and_ctrl_c_end_all_processes(
    step, error, message, ctrl_c
):
    begun = time.monotonic()
    with pytest.raises(error, match=message):
        run_beside_a_sleeper(step)
    assert time.monotonic() - begun < PATIENCE_S
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_processes_end_when_their_parent_is_killed(tmp_path):
    path = tmp_path / "parent.py"
    path.write_text(PARENT)
    command = [sys.executable, str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        children = [int(child) for child in parent.stdout.readline().split()]
        assert len(children) == 2
        assert all(map(is_alive, children))
        parent.kill()
    until = time.monotonic() + PATIENCE_S
    while (left := list(filter(is_alive, children))) and time.monotonic() < until:
        time.sleep(0.05)
    for child in left:
        os.kill(child, signal.SIGKILL)
    assert not left


@pytest.mark.slow
def test_after_a_process_was_killed_the_same_command_goes_on(
    text, tmp_path, monkeypatch
):
    monkeypatch.setattr(parts, "PART_BYTES", 200)
    monkeypatch.setattr(corpus, "process_count", lambda size: 2)
    directory = tmp_path / "corpora"
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "encode_part", kill_oneself_at_a_part)
        with pytest.raises(ChildProcessError, match="Run the command again"):
            load_together(text, directory, 1)
    (where,) = directory.iterdir()
    numbered = {path.stem for path in where.glob("*.zip")}
    kept = {path.name: path.stat().st_mtime_ns for path in where.glob("*.npy")}
    assert len(numbered) > 3
    (data,) = load_together(text, directory, 1)
    assert_equal(data, load_data(text, SPLITS))
    assert (
        kept.items()
        <= {path.name: path.stat().st_mtime_ns for path in where.glob("*.npy")}.items()
    )


def kill_oneself_at_a_part(part, directory):
    if part.name == "train-000002":
        kill_oneself(part)
    encode_part(part, directory)
