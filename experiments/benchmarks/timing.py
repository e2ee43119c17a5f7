"""Times functions in turns, and compares their times."""

import time

import numpy as np

from experiments.benchmarks.contenders import CAROUSEL, MATMUL_SIZE

MATMUL = "matmul"


def interleaved(functions, rounds, seconds):
    """Times functions in turns, so that a slow moment of the machine affects all.

    Args:
        functions: `{name: function}`.
        rounds: Number of turns of each function.
        seconds: Approximate length of a turn, which repeats the call.

    Returns:
        `{name: milliseconds per call, (rounds,)}`, and `{name: seconds of the first
        call}`, which include tracing and compiling.
    """
    first, calls = {}, {}
    for name, function in functions.items():
        first[name] = _seconds(function, 1)
        calls[name] = max(1, round(seconds / _seconds(function, 2)))
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            function()  # warms the caches: another function ran before
            times[name].append(1000 * _seconds(function, calls[name]))
    return {name: np.array(values) for name, values in times.items()}, first


def _seconds(function, calls):
    began = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - began) / calls


def summary(times, first, flops=None):
    """Returns for each contender the quartiles of its times and its ratio to ours.

    A ratio is the median, over the rounds, of its time divided by ours in the same
    round: above 1, ours is faster. "Ours" is the faster of our two modes.

    Args:
        times: Milliseconds by contender, as `interleaved` returns them; with `MATMUL`
            the rows get a share of the machine's matmul rate.
        first: Seconds of the first call by contender, as `interleaved` returns them.
        flops: Floating-point operations of the matrix products of a call.
    """
    ours = [name for name in times if name.startswith(CAROUSEL)]
    best = min(ours, key=lambda name: np.median(times[name]))
    rows = {}
    for name, values in times.items():
        quartiles = np.percentile(values, [25, 50, 75])
        rows[name] = {
            "milliseconds": [float(f"{value:.4g}") for value in quartiles],
            "ratio": round(float(np.median(values / times[best])), 2),
            "first_call_seconds": round(first[name], 1),
        }
        if flops and MATMUL in times and name != MATMUL:
            limit = times[MATMUL] / (2 * MATMUL_SIZE**3)
            share = float(np.median(flops * limit / values))
            rows[name]["share_of_matmul"] = round(share, 2)
    return rows
