"""Starts a fresh process that waits for its work while the caller prepares it."""

import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def waiting_process(script):
    """Starts a script in a process without this project's code.

    It can load TensorFlow meanwhile. `communicate` gives it its work.

    Args:
        script: Path of the script, which reads standard input.
    """
    with subprocess.Popen(
        [sys.executable, "-I", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,  # of its many lines the last one counts
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # in case it still waits
