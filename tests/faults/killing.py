"""Processes that are killed, by a real SIGKILL, at a moment that a test chooses."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOOK = """
import importlib, os, signal
def kill_at(module, name, call, after, of):
    module, calls = importlib.import_module(module), []
    whole = getattr(module, name)
    def hooked(*arguments, **options):
        if of not in str(arguments):
            return whole(*arguments, **options)
        calls.append(arguments)
        if len(calls) == call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = whole(*arguments, **options)
        if len(calls) >= call:  # what raises goes on to the next
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(module, name, hooked)
"""


def run(program, **options):
    """Runs a program in a process of its own and returns the process, ended."""
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


def killed(program, name, call=1, after=False, of="", **options):
    """Runs a program that is killed at a call of a function.

    Args:
        program: Python.
        name: The function, such as "os.replace".
        call: Which of its calls.
        after: Whether the call is done before the process is killed.
        of: Only calls count with this among their arguments.
        options: As of `subprocess.run`.

    Returns:
        Whether it was killed; else it came to its end before.
    """
    module, _, name = name.rpartition(".")
    hook = f"{HOOK}\nkill_at({module!r}, {name!r}, {call}, {after}, {of!r})\n"
    ended = run(hook + program, **options)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode == -signal.SIGKILL


def content(directory):
    """Returns the files below a directory and what is in them."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(Path(directory).rglob("*"))
        if path.is_file()
    }
