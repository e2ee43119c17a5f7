"""Encodes texts as workers do that are threads, in tiny parts."""

import contextlib
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from apps.common.data import reading
from apps.common.data import vocabulary as vocabulary_module
from apps.language_modeling import corpus, files, parts, processes, shards
from apps.language_modeling.corpus import Corpora
from apps.language_modeling.data import load_data
from apps.language_modeling.shards import Shards

SPLITS = ("train", "validation")


@contextlib.contextmanager
def sizes(part=200, line=40, kept=30):
    """Cuts texts into small parts, long lines and segments of tokens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART_BYTES", part)
        patch.setattr(parts, "READ_AT_ONCE", 7)
        patch.setattr(files, "LONGEST_LINE", line)
        patch.setattr(shards, "REPLACED", 11)
        for module in (shards, corpus):
            patch.setattr(module, "BUCKETS", 5)
        patch.setattr(reading, "BATCH_TEXTS", 5)
        for module in (reading, vocabulary_module):
            patch.setattr(module, "KEPT", kept)
        yield


def workers_of(directory, count):
    """Returns the `Corpora` of workers that are threads."""
    barrier, numbers = threading.Barrier(count), [0] * count

    def of(index):
        def gather(number):
            numbers[index] = int(number)
            barrier.wait(60)
            gathered = list(numbers)
            barrier.wait(60)
            return gathered

        return Corpora(directory, index, count, gather)

    return barrier, [of(index) for index in range(count)]


def load_together(config, directory, count=2):
    """Reads a text as workers do; returns the `Data` of each."""
    barrier, workers = workers_of(Path(directory), count)

    def load(corpora):
        try:
            return load_data(config, SPLITS, corpora=corpora)
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(load, corpora) for corpora in workers]
    broken = threading.BrokenBarrierError
    errors = [future.exception() for future in futures if future.exception()]
    for error in errors:
        if not isinstance(error, broken):
            raise error
    return [future.result() for future in futures]


@contextlib.contextmanager
def shared_processes():
    """Yields a function that sets the number of processes of each worker.

    All workers share a pool of two processes, which start once, with the sizes of
    `sizes`. With one process a worker runs its steps itself.
    """

    @contextlib.contextmanager
    def pool_of(count, module):
        yield partial(processes._run, pool) if count > 1 else processes._run_here

    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(2, context, _set_sizes) as pool,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(corpus, "processes", pool_of)
        yield lambda count: patch.setattr(corpus, "process_count", lambda size: count)


def _set_sizes():
    _set_sizes.kept = ExitStack()  # else the sizes would be reset
    _set_sizes.kept.enter_context(sizes())


def assert_equal(ours, theirs):
    assert ours.vocabulary.tokens == theirs.vocabulary.tokens
    for split in SPLITS:
        ids = getattr(ours, split)
        assert isinstance(ids, Shards)
        np.testing.assert_array_equal(ids[:], getattr(theirs, split))


def lines(count, seed=0):
    """Returns lines of different lengths, some without tokens, one very long."""
    rng = np.random.default_rng(seed)
    words = [
        " ".join(f"w{n}" for n in rng.integers(0, 60, k % 7)) for k in range(count)
    ]
    words[count // 3] = "long " * 40 + "x" * 90 + " end"
    words[count // 2] = "It isn't <br  /> it's"
    return [f"{line}\n" for line in words]


def corpus_of(directory):
    (found,) = Path(directory).iterdir()
    return found
