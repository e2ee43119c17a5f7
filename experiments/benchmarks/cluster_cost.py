"""What training on a cluster costs, on paper, from figures measured here.

A step costs its computation, as `benchmarks.layer` measured it, and then one
all-reduce of the gradients, which this command measures between two workers of this
machine; and it measures how fast text is read. The rest is arithmetic, and printed with
the figures it comes from. Run it beside nothing else.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from apps.common.portable.files import atomic_write
from apps.common.portable.terminal import report_errors
from experiments.benchmarks.streaming_memory import measure, write
from experiments.launch import run_workers
from experiments.results.tables import (
    BENCHMARK,
    RESULTS,
    SCALE_PAGE,
    hardware,
    update_tables,
)

NAME = "cluster_cost"
RESULT = RESULTS / f"{NAME}.json"
ROUNDS, READ_MB = 20, 100


def main():
    """Measures the all-reduce and prints the costs."""
    options = _parser().parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with report_errors():
        if options.worker:
            _measure(options.worker)
            return
        result = measured(options.gigabytes, options.workers, options.gigabits)
        for name, value in result.items():
            print(f"{name:<28}{_plain(value)}")
        if options.record:
            with atomic_write(RESULT) as temporary:
                temporary.write_text(json.dumps(result, indent=2) + "\n")
            update_tables(SCALE_PAGE, {NAME: recorded_table()})


def measured(gigabytes, workers, gigabits):
    """Returns the costs of an epoch of the default language model.

    Args:
        gigabytes: Size of the corpus.
        workers: Number of workers, each with the recipe's own batch.
        gigabits: Bandwidth of a worker's network a second.
    """
    benchmark = json.loads(BENCHMARK.read_text())
    reading = _reading()
    parameters, tokens_a_step = _model()
    computation_s = (
        np.median(
            benchmark["fit"]["language_modeling"]["lstm_layer"]["milliseconds"]
        ).item()
        / 1000
    )
    all_reduce_s = _between_two(parameters)
    # A ring sends 2 (n - 1) / n of the gradients, of 4 bytes, out of each worker
    # (Patarasu and Yuan 2009): between two workers, once their size.
    megabytes = 4 * parameters / 1e6
    local_mb_s = megabytes / all_reduce_s
    slower_mb_s = min(local_mb_s, gigabits * 1000 / 8)
    communication_s = 2 * (workers - 1) / workers * megabytes / slower_mb_s
    efficiency = computation_s / (computation_s + communication_s)
    # Of a single file eight tenths are for training.
    tokens = gigabytes * 1000 / reading["megabytes"] * reading["rows"]
    tokens_a_s = workers * tokens_a_step / (computation_s + communication_s)
    return {
        "gigabytes": gigabytes,
        "workers": workers,
        "network_gigabits_a_second": gigabits,
        "parameters": parameters,
        "tokens_a_step_and_worker": tokens_a_step,
        "computation_ms_a_step": 1000 * computation_s,
        "all_reduce_of_two_ms": 1000 * all_reduce_s,
        "all_reduce_mb_a_second": local_mb_s,
        "communication_mb_a_step": 2 * (workers - 1) / workers * megabytes,
        "communication_ms_a_step": 1000 * communication_s,
        "efficiency": efficiency,
        "tokens": tokens,
        "hours_an_epoch": tokens / tokens_a_s / 3600,
        "hours_an_epoch_alone": tokens / (tokens_a_step / computation_s) / 3600,
        "read_mb_a_second": reading["mb_per_s"],
        "hours_to_read": gigabytes * 1000 / reading["mb_per_s"] / 3600,
        "gigabytes_of_token_ids": 4 * tokens / 1e9,
        "hardware": hardware(),
        "command": (
            "python -m experiments.benchmarks.cluster_cost --gigabytes "
            f"{gigabytes:g} --workers {workers} --gigabits {gigabits:g} --record"
        ),
    }


def _reading():
    """Returns what it takes to read a text: to count its tokens, and to encode it."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "text.txt")
        write(path, "language_modeling", READ_MB)
        return measure("language_modeling", path)


def _model():
    """Returns parameters, and tokens of a batch, of the default language model."""
    from apps.language_modeling.config import Config
    from apps.language_modeling.model import build_model

    config = Config()
    model = build_model(10000, **asdict(config.model))  # as the benchmark has it
    return model.count_params(), config.train.batch_size * config.train.window


def _between_two(parameters):
    """Returns the seconds of an all-reduce between two workers of this machine."""
    found = RESULT.with_name(f".{os.getpid()}.{RESULT.name}")
    try:
        words = [
            "experiments.benchmarks.cluster_cost",
            "--worker",
            f"{parameters}:{found}",
        ]
        if run_workers(words, 2):
            raise ValueError("The workers that were to be measured failed: see above.")
        return json.loads(found.read_text())
    finally:
        found.unlink(missing_ok=True)


def _measure(request):
    """Times the all-reduce as one of two workers; the chief writes the seconds."""
    import tensorflow as tf

    from apps.common.training.cluster import is_chief, training_strategy

    parameters, _, path = request.partition(":")
    strategy = training_strategy()

    @tf.function
    def summed(value):
        return strategy.reduce("SUM", strategy.run(tf.identity, args=(value,)), None)

    gradients = tf.ones([int(parameters)])
    seconds = []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        summed(gradients).numpy()
        seconds.append(time.monotonic() - begun)
    if is_chief(strategy):
        Path(path).write_text(json.dumps(np.median(seconds[2:]).item()))


def recorded_table():
    """Returns what `--record` wrote as a Markdown table."""
    found = json.loads(RESULT.read_text())
    step = found["computation_ms_a_step"]
    rows = (
        (
            "a step of the default language model, two cores",
            f"{found['parameters']:,} parameters, "
            f"{found['tokens_a_step_and_worker']:,} tokens, {step:.0f} ms",
        ),
        (
            "all-reduce of its gradients between two processes here",
            f"{found['all_reduce_of_two_ms']:.0f} ms, "
            f"{found['all_reduce_mb_a_second']:.0f} MB/s",
        ),
        (
            "text read (counted once, then encoded)",
            f"{found['read_mb_a_second']:.1f} MB/s",
        ),
        (
            "sent by each worker a step",
            f"{found['communication_mb_a_step']:.1f} MB, "
            f"{found['communication_ms_a_step']:.0f} ms",
        ),
        ("expected efficiency", f"{found['efficiency']:.0%}"),
        (
            f"an epoch: {found['tokens'] / 1e9:.1f} thousand million tokens",
            f"{found['hours_an_epoch']:,.0f} hours; alone "
            f"{found['hours_an_epoch_alone'] / 24:,.0f} days",
        ),
        (
            "before it, reading the corpus, on every worker",
            f"{found['hours_to_read']:.0f} hours",
        ),
        (
            "token ids on the disk of every worker",
            f"{found['gigabytes_of_token_ids']:.0f} GB",
        ),
    )
    title = f"{found['gigabytes']:g} GB, {found['workers']} workers"
    lines = [f"| {title} | |", "|---|---|", *(f"| {n} | {v} |" for n, v in rows)]
    return "\n".join([*lines, "", f"Measured on {found['hardware']}."])


def _plain(value):
    return f"{value:,.4g}" if isinstance(value, float) else f"{value}"


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks.cluster_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    number = {"type": float, "metavar": "N"}
    parser.add_argument(
        "--gigabytes", default=100, help="size of the corpus (default: 100)", **number
    )
    parser.add_argument(
        "--workers", type=int, default=64, metavar="N", help="(default: 64)"
    )
    parser.add_argument(
        "--gigabits",
        default=10,
        help="bandwidth of a worker's network, a second (default: 10)",
        **number,
    )
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.name}")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
