"""Measures requests per second and latencies of the embedded server under load.

    python -m experiments.benchmarks.load                # by app and number of clients
    python -m experiments.benchmarks.load --soak 10      # minutes at full load

The baseline is the same server with `--one-by-one`: it calls the same signature once
per request, without batching. Both servers take turns in each measurement, and share
the machine with the clients. In a soak a new version appears every minute.
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

from apps.common.portable.files import write_json
from apps.common.portable.terminal import report_errors
from experiments.benchmarks.load_clients import load
from experiments.machine import hardware
from experiments.tables import RESULTS, SERVING_PAGE, markdown_table
from serving.models import find_models

NAME, PAGE = "load", SERVING_PAGE
RESULT = RESULTS / f"{NAME}.json"
COLUMNS = (
    *("model", "clients", "requests a second", "p50, ms", "p95, ms", "p99, ms"),
    *("one by one: requests a second", "p99, ms", "ratio"),
)
SOAK_CLIENTS = 32
OURS, BASELINE = "joined", "one by one"
FLAGS = {OURS: ["--poll-s", "1"], BASELINE: ["--poll-s", "1", "--one-by-one"]}


class Server:
    """A server in another process.

    Args:
        *words: Arguments of its command line, without the port.
        module: The module to run.

    Raises:
        ValueError: If the server does not start.
    """

    def __init__(self, *words, module="serving.server"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, words), "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            if self.process.poll() is not None:
                raise ValueError(
                    f"`python -m {module}` did not start. Run it to see why."
                )
            time.sleep(0.02)

    def megabytes(self):
        """Returns the resident memory of the server."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def close(self):
        """Ends the server."""
        self.process.terminate()
        self.process.wait(60)


def measure(servers, app, clients, rounds, seconds):
    """Measures rate and latencies of the servers, in turns.

    Args:
        servers: The servers by name, at least two.
        app: Name of the model.
        clients: Number of clients.
        rounds: Number of turns of each server.
        seconds: Length of a turn.

    Returns:
        A dictionary with the figures of each server, and the ratio of the first one's
        rate to the second one's.
    """
    rates, latencies, failed = ({name: [] for name in servers} for _ in range(3))
    for server in servers.values():
        asyncio.run(load(server.port, app, clients, 1))
    for _ in range(rounds):
        for name, server in servers.items():
            began = time.monotonic()
            times, failures = asyncio.run(load(server.port, app, clients, seconds))
            rates[name].append(len(times) / (time.monotonic() - began))
            latencies[name] += times
            failed[name].append(failures)
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
    first, second, *_ = rates.values()
    ratios = np.divide(first, second)
    return {**rows, "ratio": round(float(np.median(ratios)), 2)}


def soak(export, minutes, clients):
    """Keeps a server at full load while new versions of its model appear.

    Args:
        export: Path of the exported version.
        minutes: Length of the soak.
        clients: Number of clients.

    Returns:
        The numbers of answers and failures, and the server's memory by minute.
    """
    app = export.parent.name
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch, app)
        shutil.copytree(export, model / "1")
        server = Server(scratch, *FLAGS[OURS])
        try:
            asyncio.run(load(server.port, app, clients, 5))
            answered, failed, memory = [], 0, [round(server.megabytes())]
            for minute in range(minutes):
                if minute:
                    shutil.copytree(export, model / ".next")
                    (model / ".next").rename(model / str(minute + 1))
                times, failures = asyncio.run(load(server.port, app, clients, 60))
                answered += times
                failed += failures
                memory.append(round(server.megabytes()))
                print(f"minute {minute + 1}: {len(times)} answers, {memory[-1]} MB")
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
    add("apps", nargs="*", help="exported models (default: all)")
    add(
        "--clients",
        type=int,
        nargs="+",
        default=[1, 8, 32],
        metavar="N",
        help="numbers of clients (default: 1 8 32)",
    )
    add("--rounds", type=int, default=3, help="turns of each server (default: 3)")
    add("--seconds", type=float, default=3.0, help="length of a turn (default: 3)")
    add("--soak", type=int, metavar="MINUTES", help="keep the first app at full load")
    add(
        "--record", action="store_true", help=f"write experiments/results/{RESULT.name}"
    )
    options = parser.parse_args(arguments)
    with report_errors():
        directories = sorted(Path("runs").glob("*/*/*/export"))
        models = find_models(directories)
        apps = options.apps or sorted(models)
        if not apps or not set(apps) <= set(models):
            raise ValueError(
                f"Expected exported models: {', '.join(models) or 'none yet'}. "
                f"Received: {', '.join(apps) or 'none'}. `make run` exports them."
            )
        where = {"hardware": hardware(), "date": f"{datetime.date.today()}"}
        if options.soak:
            measured = soak(models[apps[0]][0], options.soak, SOAK_CLIENTS)
            result = {"soak": measured | where}
        else:
            result = {"load": _measure_apps(directories, apps, options), **where}
        if options.record:
            recorded = json.loads(RESULT.read_text()) if RESULT.exists() else {}
            write_json(RESULT, recorded | result, indent=1)
        print(json.dumps(result, indent=1) if options.soak else "")


def recorded_table(path=RESULT):
    """Returns the Markdown table of the recorded load on the embedded server."""
    result = json.loads(path.read_text())
    rows = [
        _table_row(app, clients, row)
        for app, by_clients in result["load"].items()
        for clients, row in by_clients.items()
    ]
    note = f"Measured on {result['hardware']}, {result['date']}."
    note += f" {_slower_note(result['load'])}"
    if "soak" in result:
        note += f" {_soak_note(result['soak'])}"
    return f"{markdown_table(COLUMNS, rows)}\n\n{note}"


def _table_row(app, clients, row):
    ours, base = row[OURS], row[BASELINE]
    return (
        app,
        clients,
        f"{ours['requests_per_second']:.0f}",
        *(f"{ours[f'p{n}_ms']:.1f}" for n in (50, 95, 99)),
        f"{base['requests_per_second']:.0f}",
        f"{base['p99_ms']:.1f}",
        f"{row['ratio']:.2f}",
    )


def _slower_note(load):
    """Returns a sentence with the models whose slowest answers batching delays."""
    most = max((clients for rows in load.values() for clients in rows), key=int)
    slower = [
        f"{app} ({rows[most][OURS]['p99_ms']:.0f} ms, else "
        f"{rows[most][BASELINE]['p99_ms']:.0f})"
        for app, rows in load.items()
        if most in rows and rows[most][OURS]["p99_ms"] > rows[most][BASELINE]["p99_ms"]
    ]
    return (
        f"With {most} clients batching makes p99 worse for: "
        f"{', '.join(slower) or 'none'}."
    )


def _soak_note(soak):
    memory = ", ".join(map(str, soak["megabytes_by_minute"]))
    return (
        f"{soak['minutes']} minutes of {soak['clients']} clients on {soak['app']} "
        f"({soak['hardware']}, {soak['date']}), with "
        f"{soak['versions']} versions one after the other: "
        f"{soak['answered']:,} answers, {soak['failed']} failures, memory by minute "
        f"{memory} MB."
    )


def _measure_apps(directories, apps, options):
    servers = {name: Server(*directories, *flags) for name, flags in FLAGS.items()}
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
