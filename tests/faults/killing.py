"""Runs programs that a SIGKILL ends at a given function call."""

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
    original = getattr(module, name)
    def hooked(*arguments, **options):
        if of not in str(arguments):
            return original(*arguments, **options)
        calls.append(arguments)
        if len(calls) == call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **options)
        if len(calls) >= call:  # a call that raises does not count
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(module, name, hooked)
"""


def run(program, **options):
    """Runs a Python program in a separate process; returns the finished process."""
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


def killed(program, name, call=1, after=False, of="", **options):
    """Runs a program and kills it at a call of a function.

    Args:
        program: Python code.
        name: The function, such as "os.replace".
        call: The number of the call, from 1.
        after: Whether to kill after the call instead of before it.
        of: Counts only calls whose arguments contain this text.
        options: Options of `subprocess.run`.

    Returns:
        True if the program was killed, False if it ended before that call.
    """
    module, _, name = name.rpartition(".")
    hook = f"{HOOK}\nkill_at({module!r}, {name!r}, {call}, {after}, {of!r})\n"
    process = run(hook + program, **options)
    assert process.returncode in (0, -signal.SIGKILL), process.stderr
    return process.returncode == -signal.SIGKILL


def content(directory):
    """Returns the contents of all files below a directory, by relative path."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(Path(directory).rglob("*"))
        if path.is_file()
    }
