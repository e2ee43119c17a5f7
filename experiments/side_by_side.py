"""Runs commands in processes side by side, each on its own part of the cores."""

import os
import queue
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from apps.common.portable.progress import duration
from apps.common.training.processor import available_cores

GRACE_S = 10  # seconds in which processes can end after Ctrl-C
MEMORY_GB = 3  # of one training


def default_jobs():
    """Returns how many trainings this machine runs side by side.

    One for each core, since small models use a second core badly, as far as memory
    suffices. Several processes cannot share a GPU, which TensorFlow takes whole.
    One on Windows, where Python does not report the memory.
    """
    if not hasattr(os, "sysconf"):
        return 1
    if any(Path("/dev").glob("nvidia[0-9]*")):
        return 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(len(available_cores()), int(memory / 1e9 / MEMORY_GB)))


def run_side_by_side(commands, jobs):
    """Runs commands, at most `jobs` at once; prints their lines with their names.

    A command that fails stops no other.

    Args:
        commands: Maps each name to a list of words; they start in this order.
        jobs: Number of processes.

    Returns:
        The exit codes of the commands that failed, by name.
    """
    waiting, failed, running = queue.SimpleQueue(), {}, {}
    for command in commands.items():
        waiting.put(command)
    cores = available_cores()
    threads = [
        threading.Thread(
            target=_work, args=(waiting, failed, running, cores[number::jobs])
        )
        for number in range(jobs)
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:  # has reached the processes as well
        _drop(waiting)
        end = time.monotonic() + GRACE_S
        while running and time.monotonic() < end:
            time.sleep(0.1)
        raise
    finally:
        _drop(waiting)
        for process in list(running.values()):
            process.kill()
        for thread in threads:
            thread.join()
    return failed


def relay(process, name):
    """Prints the output of a process, with a name before each line."""
    with process.stdout:
        for line in process.stdout:
            print(f"[{name}] {line}", end="", flush=True)


def _work(waiting, failed, running, cores):
    """Runs waiting commands one by one on some cores."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)  # of this thread and the processes it starts
    while True:
        try:
            name, words = waiting.get_nowait()
        except queue.Empty:
            return
        began = time.monotonic()
        running[name] = process = subprocess.Popen(
            words,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        relay(process, name)
        if code := process.wait():
            failed[name] = code
        del running[name]
        how = f"failed with code {code}" if code else "done"
        print(f"[{name}] {how} in {duration(time.monotonic() - began)}", flush=True)


def _drop(waiting):
    """Empties a queue."""
    with suppress(queue.Empty):
        while True:
            waiting.get_nowait()
