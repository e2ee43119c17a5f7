"""Runs commands in processes side by side, each on its own part of the cores."""

import os
import queue
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from apps.common.training.processor import available_cores
from experiments.jobs_display import JobsDisplay, print_line

TICK_S = 0.2  # between two looks at the threads
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


def run_side_by_side(commands, jobs, log=None):
    """Runs commands, at most `jobs` at once, and shows what they print.

    A command that fails stops no other.

    Args:
        commands: Maps each name to a list of words; they start in this order.
        jobs: Number of processes.
        log: As for `JobsDisplay`.

    Returns:
        The exit codes of the commands that failed, by name.
    """
    waiting, failed, running = queue.SimpleQueue(), {}, {}
    for command in commands.items():
        waiting.put(command)
    cores, display = available_cores(), JobsDisplay(len(commands), log)
    threads = [
        threading.Thread(
            target=_work, args=(waiting, failed, running, cores[number::jobs], display)
        )
        for number in range(jobs)
    ]
    with display:
        _work_and_end(threads, waiting, running, display)
    return failed


def _work_and_end(threads, waiting, running, display):
    """Runs the threads; whatever happens, no process of theirs outlives this call."""
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(TICK_S)
            display.tick()
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


def relay(process, name, show=print_line):
    """Passes each line of a process's output to a function.

    Args:
        process: A `Popen` whose standard output is a pipe.
        name: Name of the process.
        show: A function of the name and the line; by default it prints both.
    """
    with process.stdout:
        for line in process.stdout:
            show(name, line)


def _work(waiting, failed, running, cores, display):
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
        relay(process, name, display.line)
        if code := process.wait():
            failed[name] = code
        del running[name]
        display.end(name, code, time.monotonic() - began)


def _drop(waiting):
    """Empties a queue."""
    with suppress(queue.Empty):
        while True:
            waiting.get_nowait()
