"""What the `tf.data` service can read; docs/scale.md says why training has none."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.data.experimental import service

from apps.common.data.batches import PaddedBatches

WORKER = """
import sys
from tensorflow.data.experimental import service
worker = service.WorkerServer(service.WorkerConfig(dispatcher_address=sys.argv[1]))
print("started", flush=True)
sys.stdin.read()
"""
ROWS = [np.arange(1, length, dtype="int32") for length in (3, 5, 7, 9, 11)]


@pytest.fixture
def served():
    """A function that reads a dataset by two workers in other processes."""
    dispatcher = service.DispatchServer()
    address = dispatcher.target.partition("://")[2]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", WORKER, address]
    workers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for worker in workers:
        assert worker.stdout.readline() == "started\n"
    mode = service.ShardingPolicy.DYNAMIC
    yield lambda dataset: list(
        dataset.apply(service.distribute(mode, dispatcher.target)).as_numpy_iterator()
    )
    for worker in workers:
        worker.communicate()


@pytest.mark.slow
def test_its_workers_read_operations_but_not_the_generators_that_make_our_batches(
    served,
):
    batches = PaddedBatches({"token_ids": ROWS}, batch_size=2)
    assert sorted(served(tf.data.Dataset.range(7))) == list(range(7))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Could not find callback"):
        served(batches.in_order())
