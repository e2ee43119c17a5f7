"""Estimates the cost of training on a cluster from figures measured on one machine.

A step is its computation, which `experiments.benchmarks.operations` has measured,
followed by one all-reduce of the gradients. This command measures the all-reduce
between two workers of this machine, and the rate at which one worker encodes a text. It
computes the other figures from these. Run nothing else on the machine meanwhile.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from apps.common.portable.terminal import report_errors
from experiments.benchmarks.operations import RESULT as STEPS
from experiments.benchmarks.recorded import circumstances, parser_of, record
from experiments.benchmarks.streaming_memory import measure
from experiments.benchmarks.zipf_texts import write
from experiments.launch import run_workers
from experiments.machine import hardware
from experiments.tables import RESULTS, SCALE_PAGE, markdown_table

NAME, PAGE = "cluster_cost", SCALE_PAGE
RESULT = RESULTS / f"{NAME}.json"
ROUNDS, READ_MB = 20, 1100  # more than 512 MB are read by all cores of a worker


def main():
    """Runs the command line: measures, then prints the costs."""
    options = _parser().parse_args()
    with report_errors():
        if options.worker:
            _time_all_reduce(options.worker)
            return
        result = estimate(options.gigabytes, options.workers, options.gigabits)
        for name, value in result.items():
            print(f"{name:<28}{_plain(value)}")
        if options.record:
            record(RESULT, PAGE, result, recorded_table)


def estimate(gigabytes, workers, gigabits):
    """Returns the costs of an epoch of the default language model.

    Args:
        gigabytes: Size of the corpus.
        workers: Number of workers, each with the batch size of the recipe.
        gigabits: Bandwidth of a worker's network per second.
    """
    steps = json.loads(STEPS.read_text())
    if steps["hardware"] != hardware():
        print(
            f"The step was measured on {steps['hardware']}, not on {hardware()}. "
            "Measure it here: python -m experiments.benchmarks.operations --record"
        )
    reading = _reading()
    parameters, tokens_a_step = _model()
    computation_s = steps["rows"]["language_modeling"]["wall_ms"] / 1000
    all_reduce_s = _all_reduce_seconds(parameters)
    # A ring sends 2 (n - 1) / n of the gradients, of 4 bytes, out of each worker
    # (Patarasu and Yuan 2009): between two workers, once their size.
    megabytes = 4 * parameters / 1e6
    local_mb_s = megabytes / all_reduce_s
    slower_mb_s = min(local_mb_s, gigabits * 1000 / 8)
    communication_s = 2 * (workers - 1) / workers * megabytes / slower_mb_s
    efficiency = _efficiency(computation_s, communication_s)
    # `_reading` counts the training tokens: eight tenths of its file.
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
        "minutes_to_read": _minutes_to_read(gigabytes, workers, reading["mb_per_s"]),
        "gigabytes_of_token_ids": 4 * tokens / 1e9,
        **circumstances(
            NAME,
            f"--gigabytes {gigabytes:g} --workers {workers} --gigabits {gigabits:g}",
        ),
    }


def _efficiency(computation, communication):
    """Returns the share of a step in which a worker computes."""
    return computation / (computation + communication)


def _minutes_to_read(gigabytes, workers, mb_per_s):
    """Returns the minutes in which workers encode a corpus, each its share of it.

    It takes the file system to be as fast as all workers together.
    """
    return gigabytes * 1000 / workers / mb_per_s / 60


def _reading():
    """Measures the encoding of a text: counting its tokens, then replacing them."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "text.txt")
        write(path, "language_modeling", READ_MB)
        return measure("language_modeling", path)


def _model():
    """Returns the default language model's parameters and its tokens per batch."""
    from apps.language_modeling.config import Config
    from apps.language_modeling.model import build_model
    from apps.language_modeling.train import choose_softmax_dtype

    config = choose_softmax_dtype(Config())
    model = build_model(10000, **asdict(config.model))  # vocabulary of the benchmark
    return model.count_params(), config.train.batch_size * config.train.window


def _all_reduce_seconds(parameters):
    """Returns the seconds of an all-reduce between two workers of this machine.

    Raises:
        ValueError: If a worker fails.
    """
    output = RESULT.with_name(f".{os.getpid()}.{RESULT.name}")
    try:
        words = [
            "experiments.benchmarks.cluster_cost",
            "--worker",
            f"{parameters}:{output}",
        ]
        if run_workers(words, 2):
            raise ValueError("The measured workers failed. See their output above.")
        return json.loads(output.read_text())
    finally:
        output.unlink(missing_ok=True)


def _time_all_reduce(request):
    """Times the all-reduce as one of two workers; the chief writes the seconds.

    Args:
        request: `PARAMETERS:PATH` of the file for the seconds.
    """
    import tensorflow as tf

    from apps.common.training.cluster import is_chief, training_strategy

    parameters, _, path = request.partition(":")
    strategy = training_strategy()

    @tf.function
    def all_reduce(value):
        return strategy.reduce("SUM", strategy.run(tf.identity, args=(value,)), None)

    gradients = tf.ones([int(parameters)])
    seconds = []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        all_reduce(gradients).numpy()
        seconds.append(time.monotonic() - begun)
    if is_chief(strategy):
        Path(path).write_text(json.dumps(np.median(seconds[2:]).item()))


def recorded_table():
    """Returns the Markdown table of the recorded costs."""
    result = json.loads(RESULT.read_text())
    step = result["computation_ms_a_step"]
    reading = (result[key] for key in ("gigabytes", "workers", "read_mb_a_second"))
    rows = (
        (
            "a step of the default language model, two cores",
            f"{result['parameters']:,} parameters, "
            f"{result['tokens_a_step_and_worker']:,} tokens, {step:.0f} ms",
        ),
        (
            "all-reduce of its gradients between two processes here",
            f"{result['all_reduce_of_two_ms']:.0f} ms, "
            f"{result['all_reduce_mb_a_second']:.0f} MB/s",
        ),
        (
            "text read, counted and encoded",
            f"{result['read_mb_a_second']:.1f} MB/s",
        ),
        (
            "sent by each worker a step",
            f"{result['communication_mb_a_step']:.1f} MB, "
            f"{result['communication_ms_a_step']:.0f} ms",
        ),
        ("expected efficiency", f"{result['efficiency']:.0%}"),
        (
            "with three times the streams in each worker",
            f"{_efficiency(3 * step, result['communication_ms_a_step']):.0%}",
        ),
        (
            f"an epoch: {result['tokens'] / 1e9:.1f} thousand million tokens",
            f"{result['hours_an_epoch']:,.0f} hours; alone "
            f"{result['hours_an_epoch_alone'] / 24:,.0f} days",
        ),
        (
            "before it, once, encoding the corpus, a share on every worker",
            f"{_minutes_to_read(*reading):.0f} minutes",
        ),
        (
            "token ids on the file system of the run directory",
            f"{result['gigabytes_of_token_ids']:.0f} GB",
        ),
    )
    title = f"{result['gigabytes']:g} GB, {result['workers']} workers"
    table = markdown_table((title, ""), rows)
    return f"{table}\n\nMeasured on {result['hardware']}."


def _plain(value):
    return f"{value:,.4g}" if isinstance(value, float) else f"{value}"


def _parser():
    parser = parser_of(NAME, __doc__, PAGE)
    number = {"type": float, "metavar": "N"}
    parser.add_argument(
        "--gigabytes", default=100, help="size of the corpus (default: 100)", **number
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=64,
        metavar="N",
        help="number of workers (default: 64)",
    )
    parser.add_argument(
        "--gigabits",
        default=10,
        help="bandwidth of a worker's network per second (default: 10)",
        **number,
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
