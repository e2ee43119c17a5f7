"""Several workers on this machine, to try training on a cluster out."""

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
from experiments.__main__ import TASKS
from experiments.run import parse, run

GRACE_S = 30  # in which the other workers notice that one is gone


def main(arguments=None):
    """Starts the workers, and does what comes after training alone."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with report_errors():
        if options.workers < 1:
            raise ValueError(
                f"--workers: expected at least 1. Received: {options.workers}."
            )
        task = TASKS[options.task]
        request = parse(task, options.words)
        if "train" not in request.verbs:
            raise ValueError(
                "launch is for the verb train. Without it: python -m "
                f"experiments.{task.name} {' '.join(options.words)}"
            )
        words = [request.recipe, "train", *request.overrides]
        if request.run_directory:
            words.append(f"run_directory={request.run_directory}")
        code = run_workers([f"experiments.{task.name}", *words], options.workers)
        if code:
            sys.exit(max(code, 1))  # of one that a signal ended it is negative
        rest = [verb for verb in request.verbs if verb != "train"]
        run(task, replace(request, verbs=rest))


def run_workers(command, count):
    """Runs a command as so many workers.

    What the first one says is shown as it is, what the others say behind their name.

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
            said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            worker = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**os.environ, "TF_CONFIG": json.dumps(cluster)},
                text=True,
                **(said if index else {}),
            )
            workers.append(worker)
            if index:
                relays.append(threading.Thread(target=_relay, args=(index, worker)))
                relays[-1].start()
        return _first_failure(workers)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        for relay in relays:
            relay.join()


def free_ports(count):
    """Returns so many ports that nothing listens at."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("localhost", 0)))
            for _ in range(count)
        ]
        return [one.getsockname()[1] for one in sockets]


def _relay(index, worker):
    with worker.stdout:
        for line in worker.stdout:
            print(f"[worker {index}] {line}", end="", flush=True)


def _first_failure(workers):
    failed = 0
    while None in (codes := [worker.poll() for worker in workers]):
        bad = [(code, number) for number, code in enumerate(codes) if code]
        if bad and not failed:
            failed, number = bad[0]
            print(f"Worker {number} ended with code {failed}.", file=sys.stderr)
            end = time.monotonic() + GRACE_S
        if failed and time.monotonic() > end:
            break  # the others are killed on the way out
        time.sleep(0.1)
    return failed or next(filter(None, codes), 0)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m experiments.launch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""The verbs after train run once, in one process.

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
        help="recipe, verbs and section.key=value, as the app's own command takes them",
    )
    return parser


if __name__ == "__main__":
    # So that the workers are ended with it: they hold the run directory's lock.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
