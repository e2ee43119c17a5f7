"""Requests a second and latencies of the embedded server, and how it stands a load.

    python -m experiments.benchmarks.load                # by app and number of clients
    python -m experiments.benchmarks.load --soak 10      # minutes at full load

The baseline is the same server with `--one-by-one`: the same framework, the same
signature, called once a request. Both take turns in each measurement, and share the
machine with the clients. In a soak a new version appears every minute.
"""

import argparse
import asyncio
import contextlib
import datetime
import itertools
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from apps.common.portable.files import atomic_write
from apps.common.portable.terminal import report_errors
from experiments.results.tables import LOAD, hardware
from serving.models import find_models

SOAKED = 32  # clients
OURS, BASELINE = "joined", "one by one"
FLAGS = {OURS: [], BASELINE: ["--one-by-one"]}
TEXTS = (
    "A warm, funny and clever film that never outstays its welcome.",
    "Two hours of my life, gone.",
    "The plot is thin, the jokes are old, and yet the two leads carry it: by the end "
    "I had laughed more often than I would like to admit, and I would go again.",
    "Dull.",
    "Not the masterpiece that it is said to be, but far from the failure either.",
)
DOCUMENTS = (
    "The old bridge is a road bridge over the river, built of stone in 1831 by a local "
    "builder. It has three arches and has been a protected monument since 1972.",
    "The grey heron is a long-legged bird of the heron family, found in most of Europe "
    "and Asia and in parts of Africa. It lives in wetlands, where it feeds on fish.",
)
STORIES = (
    ("mary went to the garden. john took the milk. mary went to the office.", "mary"),
    ("john went to the kitchen. it rains. mary took the apple. john left.", "john"),
)


def requests_of(app):
    """Returns the signature and the inputs of each request to an app's model."""
    rng = np.random.default_rng(0)
    inputs = {
        "sentiment": [{"text": [text]} for text in TEXTS],
        "language_modeling": [{"text": [text]} for text in TEXTS],
        "summarization": [{"document": [text]} for text in DOCUMENTS],
        "question_answering": [
            {"context": [story], "question": [f"where is {who}"]}
            for story, who in STORIES
        ],
        "speech_commands": [
            {"waveform": rng.normal(0, 0.05, (1, 16000)).round(4).tolist()}
        ],
    }
    return [{"inputs": one} for one in inputs[app]]


class Server:
    """A server in a process of its own.

    Args:
        directories: Export directories.
        flags: Arguments of its command line.
    """

    def __init__(self, directories, flags):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        names = map(str, directories)
        command = [sys.executable, "-m", "serving.server", *names]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), "--poll-s", "1", *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            if self.process.poll() is not None:
                raise ValueError("`python -m serving.server` did not start.")
            time.sleep(0.2)

    def megabytes(self):
        """Returns the memory that it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def close(self):
        """Ends it."""
        self.process.terminate()
        self.process.wait(60)


async def load(port, app, clients, seconds):
    """Keeps a number of clients asking, each as soon as it is answered.

    Returns:
        The latencies in seconds of the requests answered, and the number that failed.
    """
    sent = []
    for request in requests_of(app):
        body = json.dumps(request).encode()
        sent.append(
            f"POST /v1/models/{app}:predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
    ended, latencies, failed = time.monotonic() + seconds, [], 0

    async def client(first):
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for request in itertools.islice(itertools.cycle(sent), first, None):
                began = time.perf_counter()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                latencies.append(time.perf_counter() - began)
                failed += not head.startswith(b"HTTP/1.1 200")
                if time.monotonic() >= ended:
                    break
        finally:
            writer.close()

    ends = await asyncio.gather(
        *(client(n) for n in range(clients)), return_exceptions=True
    )
    failed += sum(isinstance(end, BaseException) for end in ends)
    return latencies, failed


def measure(servers, app, clients, rounds, seconds):
    """Returns rate and latencies of each server, which take turns."""
    rates, latencies, failed = ({name: [] for name in servers} for _ in range(3))
    for server in servers.values():
        asyncio.run(load(server.port, app, clients, 1))
    for _ in range(rounds):
        for name, server in servers.items():
            began = time.monotonic()
            found, wrong = asyncio.run(load(server.port, app, clients, seconds))
            rates[name].append(len(found) / (time.monotonic() - began))
            latencies[name] += found
            failed[name].append(wrong)
    rows = {}
    for name in servers:
        p50, p95, p99 = (
            round(1000 * float(x), 2)
            for x in np.percentile(latencies[name], [50, 95, 99])
        )
        rows[name] = {
            "requests_per_second": round(float(np.median(rates[name])), 1),
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "failed": sum(failed[name]),
        }
    ratios = np.divide(rates[OURS], rates[BASELINE])
    return {**rows, "ratio": round(float(np.median(ratios)), 2)}


def soak(export, minutes, clients):
    """Keeps a server at full load while new versions of its model appear.

    Args:
        export: Path of the version to be served.
        minutes: How long.
        clients: Number of clients.

    Returns:
        What was answered and what failed, and the server's memory by minute.
    """
    app = export.parent.name
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch, app)
        shutil.copytree(export, model / "1")
        server = Server([scratch], [])
        try:
            asyncio.run(load(server.port, app, clients, 5))
            answered, failed, memory = [], 0, [round(server.megabytes())]
            for minute in range(minutes):
                if minute:
                    shutil.copytree(export, model / ".next")
                    (model / ".next").rename(model / str(minute + 1))
                found, wrong = asyncio.run(load(server.port, app, clients, 60))
                answered += found
                failed += wrong
                memory.append(round(server.megabytes()))
                print(f"minute {minute + 1}: {len(found)} answers, {memory[-1]} MB")
        finally:
            server.close()
    return {
        "app": app,
        "clients": clients,
        "minutes": minutes,
        "answered": len(answered),
        "failed": failed,
        "versions": minutes,
        "p99_ms": round(1000 * float(np.percentile(answered, 99)), 2),
        "megabytes_by_minute": memory,
    }


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("apps", nargs="*", help="models to ask (default: all that are exported)")
    add("--clients", type=int, nargs="+", default=[1, 8, 32], help="%(default)s")
    add("--rounds", type=int, default=3, help="turns of each server (%(default)s)")
    add("--seconds", type=float, default=3.0, help="of each turn (%(default)s)")
    add("--soak", type=int, metavar="MINUTES", help="keep the first app at full load")
    add("--record", action="store_true", help=f"write experiments/results/{LOAD.name}")
    options = parser.parse_args(arguments)
    with report_errors():
        directories = sorted(Path("runs").glob("*/*/*/export"))
        found = find_models(directories)
        apps = options.apps or sorted(found)
        if not apps or not set(apps) <= set(found):
            raise ValueError(
                f"Expected exported models, of which there are: {', '.join(found)}. "
                f"Received: {', '.join(apps) or 'none'}. `make run` makes them."
            )
        if options.soak:
            result = {"soak": soak(found[apps[0]][0], options.soak, SOAKED)}
        else:
            result = {"load": _table(directories, apps, options)}
        result |= {"hardware": hardware(), "date": f"{datetime.date.today()}"}
        if options.record:
            known = json.loads(LOAD.read_text()) if LOAD.exists() else {}
            with atomic_write(LOAD) as temporary:
                temporary.write_text(json.dumps(known | result, indent=1) + "\n")
        print(json.dumps(result, indent=1) if options.soak else "")


def _table(directories, apps, options):
    servers = {name: Server(directories, flags) for name, flags in FLAGS.items()}
    rows = {}
    try:
        for app, clients in itertools.product(apps, options.clients):
            row = measure(servers, app, clients, options.rounds, options.seconds)
            rows.setdefault(app, {})[clients] = row
            ours, base = row[OURS], row[BASELINE]
            print(
                f"{app:20} {clients:4} clients: {ours['requests_per_second']:7.1f} a "
                f"second, p50 {ours['p50_ms']:.1f}, p99 {ours['p99_ms']:.1f} ms; one "
                f"by one {base['requests_per_second']:7.1f}, p99 {base['p99_ms']:.1f} "
                f"ms; ratio {row['ratio']:.2f}",
                flush=True,
            )
    finally:
        for server in servers.values():
            server.close()
    return rows


if __name__ == "__main__":
    main()
