"""Measures the engines of the server: TensorFlow and ONNX Runtime.

    python -m experiments.benchmarks.engines                 # the runs in runs/
    python -m experiments.benchmarks.engines RUN ...         # other run directories

Calls: one call inside a process of a version's signature `serving_default`, and of the
language model's `generate` (`TOKENS` tokens). The engines take turns.

Servers: `python -m serving.server` with all models on each engine. The start is the
time from starting the process to the first answer. The memory is the resident memory
after one answer of each model. "Installed" is the size of the packages of the engine's
requirements file and of all that they need.

HTTP: the servers take turns under load, as in `load`, with a third whose route reads
the request and answers an empty object (`empty_server`). All share the machine with
the clients.
"""

import asyncio
import contextlib
import itertools
import json
import time

import numpy as np

from apps.common.portable.sampling import SETTINGS
from apps.common.portable.terminal import report_errors
from experiments.benchmarks import empty_server
from experiments.benchmarks.agreement import (
    OTHER,
    PACKAGES,
    REFERENCE,
    add_runs,
    exported_runs,
)
from experiments.benchmarks.installed import installed_megabytes
from experiments.benchmarks.load import Server, measure
from experiments.benchmarks.load_clients import TEXTS, load, requests_of
from experiments.benchmarks.recorded import circumstances, parser_of, record
from experiments.benchmarks.timing import interleaved
from experiments.tables import RESULTS, ROOT, SERVING_PAGE, markdown_table
from serving.engine import DEFAULT_SIGNATURE
from serving.formats import arrays_of
from serving.models import ENGINES

NAME, PAGE = "engines", SERVING_PAGE
RESULT = RESULTS / f"{NAME}.json"
TENSORFLOW, ONNX, EMPTY = REFERENCE, OTHER, "empty route"
TITLES = {TENSORFLOW: "TensorFlow", ONNX: "ONNX Runtime"}
REQUIREMENTS = {
    TENSORFLOW: ROOT / "requirements.txt",
    ONNX: ROOT / "requirements-runtime.txt",
}
TOKENS = 20
LOADED = ("sentiment", "speech_commands", "question_answering")
CLIENTS = (1, 32)


def measure_calls(runs, rounds=5, seconds=0.3):
    """Times one call of each app's model on both engines, in turns.

    Args:
        runs: List of `Exported`.
        rounds: Number of turns of each engine.
        seconds: Approximate length of a turn.

    Returns:
        For each app `megabytes` and `ms`, by engine, and the `ratio` of the times.
    """
    rows = {}
    for run in runs:
        name, inputs = _call_of(run.app)
        calls = {}
        for engine in (TENSORFLOW, ONNX):
            signature = ENGINES[engine](run.app, run.version).signature(name)
            arrays = arrays_of({"inputs": inputs}, signature.inputs)
            calls[engine] = lambda compute=signature, arrays=arrays: compute(arrays)
        times, _ = interleaved(calls, rounds, seconds)
        ratio = np.median(times[TENSORFLOW] / times[ONNX])
        rows[run.app] = {
            "megabytes": _megabytes(run.version),
            "ms": {name: round(float(np.median(x)), 3) for name, x in times.items()},
            "ratio": round(float(ratio), 2),
        }
    return rows


def _call_of(app):
    """Returns the signature that is timed, and its inputs."""
    if app != "language_modeling":
        return DEFAULT_SIGNATURE, requests_of(app)[0]["inputs"]
    settings = {name: [setting.default] for name, setting in SETTINGS.items()}
    return "generate", {"prompt": [TEXTS[0]], "max_tokens": [TOKENS], **settings}


def _megabytes(version):
    """Returns the size of what each engine reads of a version."""
    read = {TENSORFLOW: ("saved_model.pb", "variables", "assets"), ONNX: ("onnx",)}
    return {
        engine: round(sum(_size(version / name) for name in names) / 1e6, 2)
        for engine, names in read.items()
    }


def _size(path):
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def start(engine, runs):
    """Starts a server with the models of runs.

    Returns:
        The `Server`; and its figures: `seconds` from its start to the first answer,
        and `megabytes` of resident memory after an answer of each model.
    """
    began = time.perf_counter()
    named = [f"{run.app}={run.run}" for run in runs]
    server = Server(*named, "--engine", engine, "--poll-s", "0")
    try:
        for number, run in enumerate(runs):
            _, failed = asyncio.run(load(server.port, run.app, 1, 0))
            if failed:
                raise ValueError(f"{run.run}: the engine {engine} does not answer.")
            if not number:
                seconds = time.perf_counter() - began
    except BaseException:
        server.close()
        raise
    figures = {"seconds": round(seconds, 2), "megabytes": round(server.megabytes())}
    return server, figures


def measure_servers(runs, rounds=3, seconds=2.0):
    """Measures the servers: start and memory, then rates and latencies under load.

    Args:
        runs: List of `Exported`.
        rounds: Number of turns of each server.
        seconds: Length of a turn.

    Returns:
        `server`, figures by engine; and `http`, for each app of `LOADED` and number of
        clients the figures by server, as `load.measure` returns them.
    """
    figures, servers, loads = {}, {}, {}
    with contextlib.ExitStack() as stack:
        for engine in (ONNX, TENSORFLOW):
            servers[engine], figures[engine] = start(engine, runs)
            stack.callback(servers[engine].close)
            size = installed_megabytes(REQUIREMENTS[engine])
            figures[engine]["installed_megabytes"] = size and round(size)
            print(f"{TITLES[engine]}: {json.dumps(figures[engine])}", flush=True)
        servers[EMPTY] = Server(module=empty_server.__name__)
        stack.callback(servers[EMPTY].close)
        apps = [run.app for run in runs if run.app in LOADED]
        for app, clients in itertools.product(apps, CLIENTS):
            row = measure(servers, app, clients, rounds, seconds)
            loads.setdefault(app, {})[str(clients)] = row
            print(f"{app}, {clients} clients: {json.dumps(row)}", flush=True)
    return {"server": figures, "http": loads}


def table(result):
    """Returns the Markdown tables of a result."""
    engines = [TENSORFLOW, ONNX]
    servers = [
        (TITLES[name], *_server_cells(result["server"][name])) for name in engines
    ]
    calls = [
        (
            f"{app}, {TOKENS} tokens" if app == "language_modeling" else app,
            *(f"{row['megabytes'][name]:.1f}" for name in engines),
            *(f"{row['ms'][name]:.2f}" for name in engines),
            f"{row['ratio']:.1f}",
        )
        for app, row in result["calls"].items()
    ]
    loads = [
        (app, clients, *itertools.chain(*(_load_cells(row[s]) for s in SERVERS)))
        for app, by_clients in result["http"].items()
        for clients, row in by_clients.items()
    ]
    note = f"Measured on {result['hardware']}, {result['date']}."
    tables = (
        markdown_table(SERVER_COLUMNS, servers),
        markdown_table(CALL_COLUMNS, calls),
        markdown_table(LOAD_COLUMNS, loads),
    )
    return "\n\n".join([*tables, note])


SERVERS = (TENSORFLOW, ONNX, EMPTY)
SERVER_COLUMNS = ("engine, five models", "installed", "memory", "start")
CALL_COLUMNS = (
    *("one call", "SavedModel, MB", "onnx/, MB"),
    *("TensorFlow, ms", "ONNX Runtime, ms", "ratio"),
)
LOAD_COLUMNS = (
    *("over HTTP", "clients", "TensorFlow: requests a second", "p50, ms", "p99, ms"),
    *("ONNX Runtime: requests a second", "p50, ms", "p99, ms"),
    *("empty route: requests a second", "p50, ms", "p99, ms"),
)


def _server_cells(row):
    installed = row["installed_megabytes"]
    return (
        f"{installed:,} MB" if installed else "",
        f"{row['megabytes']:,} MB",
        f"{row['seconds']:.1f} s",
    )


def _load_cells(row):
    times = (f"{row[name]:.1f}" for name in ("p50_ms", "p99_ms"))
    return f"{row['requests_per_second']:,.0f}", *times


def recorded_table(path=RESULT):
    """Returns the Markdown tables of the recorded engines."""
    return table(json.loads(path.read_text()))


def main(arguments=None):
    """Runs the command line."""
    parser = parser_of(NAME, __doc__, PAGE)
    add_runs(parser)
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="turns of each server (default: 3)")
    add("--seconds", type=float, default=2.0, help="length of a turn (default: 2)")
    options = parser.parse_args(arguments)
    with report_errors():
        runs = exported_runs(options.runs)
        result = measure_servers(runs, options.rounds, options.seconds)
        result |= {
            "calls": measure_calls(runs),
            **circumstances(NAME, packages=PACKAGES),
        }
        if options.record:
            record(RESULT, PAGE, result, recorded_table)
        print(f"\n{table(result)}")


if __name__ == "__main__":
    main()
