"""The embedded server as a process of its own, which can be killed."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120


def free_port():
    """Returns a port that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(directory, port, log, before="", flags=()):
    """Starts a server, which runs a program before, and waits until it answers."""
    words = [str(directory), "--port", str(port), *flags]
    program = f"{before}\nfrom serving import server\nserver.main({words!r})"
    with open(log, "ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=file,
        )
    ended = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ended:
        assert process.poll() is None, Path(log).read_text()
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").close()
            return process
        time.sleep(0.05)
    raise AssertionError(Path(log).read_text())


def end(process):
    """Ends a server, if it has not ended."""
    process.kill()
    process.wait()
