"""Trains with several workers on this machine, to try training on a cluster."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace

from apps.common.portable.terminal import report_errors
from experiments.request import parse
from experiments.run import run
from experiments.side_by_side import relay
from experiments.tasks import TASKS

GRACE_S = 30  # seconds in which the other workers can exit after a failure


def main(arguments=None):
    """Trains with several workers, then runs the other verbs in this process."""
    options = _parser().parse_args(arguments)
    with report_errors():
        if options.workers < 1:
            raise ValueError(
                f"--workers: expected at least 1. Received: {options.workers}."
            )
        task = TASKS[options.task]
        request = parse(task, options.words)
        if "train" not in request.verbs:
            raise ValueError(
                "launch is for the verb train. Other verbs run without it: python -m "
                f"experiments.{task.name} {' '.join(options.words)}"
            )
        words = [request.recipe, "train", *request.overrides]
        if request.run_directory:
            words.append(f"run_directory={request.run_directory}")
        code = run_workers([f"experiments.{task.name}", *words], options.workers)
        if code:
            sys.exit(max(code, 1))  # a worker that a signal killed has a negative code
        rest = [verb for verb in request.verbs if verb != "train"]
        run(task, replace(request, verbs=rest))


def run_workers(command, count):
    """Runs a command as several workers.

    The first worker prints as usual. Each line of another worker gets its number as a
    prefix.

    Args:
        command: A module and its arguments.
        count: Number of workers.

    Returns:
        The exit code of the worker that failed first, or 0.
    """
    addresses = [f"localhost:{port}" for port in free_ports(count)]
    print(f"Starting {count} workers: {', '.join(addresses)}", flush=True)
    workers, relays = [], []
    try:
        for index in range(count):
            task = {"type": "worker", "index": index}
            cluster = {"cluster": {"worker": addresses}, "task": task}
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            worker = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**os.environ, "TF_CONFIG": json.dumps(cluster)},
                text=True,
                **(pipes if index else {}),
            )
            workers.append(worker)
            if index:
                name = f"worker {index}"
                relays.append(threading.Thread(target=relay, args=(worker, name)))
                relays[-1].start()
        return _first_failure(workers)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        for thread in relays:
            thread.join()


def free_ports(count):
    """Returns different ports on which nothing listens."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("localhost", 0)))
            for _ in range(count)
        ]
        return [listener.getsockname()[1] for listener in sockets]


def _first_failure(workers):
    """Waits for all workers, or after a failure for `GRACE_S`; returns its code."""
    failed = 0
    while None in (codes := [worker.poll() for worker in workers]):
        failures = [(code, number) for number, code in enumerate(codes) if code]
        if failures and not failed:
            failed, number = failures[0]
            print(f"Worker {number} ended with code {failed}.", file=sys.stderr)
            end = time.monotonic() + GRACE_S
        if failed and time.monotonic() > end:
            break  # `run_workers` kills the others
        time.sleep(0.1)
    return failed or next(filter(None, codes), 0)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m experiments.launch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""Only training uses several workers. Other verbs run in one process.

examples:
  python -m experiments.launch --workers 2 sentiment imdb
  python -m experiments.launch sentiment movie_snippets train train.epochs=2

On a cluster each worker gets the command of `python -m experiments.TASK ... train` and
its own TF_CONFIG: see docs/scale.md.
""",
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="number of processes (default: 2)"
    )
    parser.add_argument("task", choices=TASKS, help="an app")
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="recipe, verbs and section.key=value, as for python -m experiments.TASK",
    )
    return parser


if __name__ == "__main__":
    # Exits through `finally`, which kills the workers: they lock the run directory.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
