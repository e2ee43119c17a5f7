"""Runs the embedded server in a separate process that a test can kill."""

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
    """Returns a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(directory, port, log, before="", flags=()):
    """Starts a server after the code `before`, and waits until it answers."""
    words = [str(directory), "--port", str(port), *flags]
    program = f"{before}\nfrom serving import server\nserver.main({words!r})"
    with open(log, "ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=file,
        )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, Path(log).read_text()
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").close()
            return process
        time.sleep(0.05)
    raise AssertionError(Path(log).read_text())


def end(process):
    """Kills a server and waits for its end."""
    process.kill()
    process.wait()
