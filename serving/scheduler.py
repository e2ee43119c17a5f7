"""Dynamic batching: joins the requests that wait for a signature into one batch.

While a signature computes, new requests with rows of the same shape wait; they form
the next batch. No request waits for a batch to fill: under low load each request is a
batch, and the higher the load, the larger the batches. Requests that cannot be joined
run one by one, as many at once as there are cores.

Batches run in threads. A batch that is expected to take less than a millisecond runs in
the thread of the event loop, since the way to another thread and back takes as long.
"""

import asyncio
import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from serving.engine import MAX_BATCH_ROWS, RequestError

MAX_INLINE_S = 0.001  # expected time of a batch that runs in the event loop
REQUEST_BYTES = 1000  # a request takes the time of so many bytes more
PACE_DECAY = 0.9  # from batch to batch


@dataclass
class PendingRequest:
    """A request that waits for its turn.

    Attributes:
        arrays: Inputs by name.
        rows: Number of rows; 0 for a request that is not batched.
        size: Size of the inputs in bytes, plus `REQUEST_BYTES`.
        outputs: Future of the outputs by name.
    """

    arrays: dict
    rows: int
    size: int
    outputs: asyncio.Future


class Scheduler:
    """Runs signatures in a pool of threads, with dynamic batching.

    Args:
        max_waiting: Maximum number of requests that compute or wait; more are refused.
        join: Whether requests are joined into batches.
        observe: Called with the number of requests in each batch.
    """

    def __init__(self, max_waiting, join=True, observe=lambda requests: None):
        self.max_waiting, self.join, self.observe = max_waiting, join, observe
        self.waiting = 0
        self._queues, self._running = {}, {}
        self._pace = WeakKeyDictionary()  # recent maximum of seconds per byte
        self._workers = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers, "run")

    async def run(self, signature, arrays):
        """Returns a signature's outputs by name.

        Raises:
            RequestError: If the signature refuses the input, or if too many requests
                wait.
        """
        if self.waiting >= self.max_waiting:
            raise RequestError(
                503, f"{self.waiting} requests are waiting. Try again in a moment."
            )
        sizes = {array.shape[0] if array.ndim else None for array in arrays.values()}
        joins = self.join and signature.joins and len(sizes) == 1 and None not in sizes
        shapes = tuple(array.shape[1:] for array in arrays.values()) if joins else None
        key = (signature, shapes)
        loop = asyncio.get_running_loop()
        rows, size = sizes.pop() if joins else 0, _size(arrays)
        request = PendingRequest(arrays, rows, size, loop.create_future())
        self._queues.setdefault(key, deque()).append(request)
        self.waiting += 1
        if self._is_short(signature, size):
            loop.call_soon(self._start, key)  # after what has arrived by now
        else:
            self._start(key)
        try:
            return await request.outputs
        finally:
            self.waiting -= 1

    def close(self):
        """Waits until the running batches are computed."""
        self._pool.shutdown(wait=True)

    def _start(self, key):
        """Starts the next batch of a queue unless enough of its batches are running."""
        signature, shapes = key
        queue, running = self._queues.get(key, ()), self._running.get(key, 0)
        if running >= (1 if shapes is not None else self._workers):
            return
        batch = _take_batch(queue, join=shapes is not None)
        if not batch:
            if not running:
                self._queues.pop(key, None)
                self._running.pop(key, None)
            return
        self._running[key] = running + 1
        self.observe(len(batch))
        loop = asyncio.get_running_loop()
        arrays = [request.arrays for request in batch]
        if self._is_short(signature, sum(request.size for request in batch)):
            self._finish(key, batch, *_run_batch(signature, arrays))
            loop.call_soon(self._start, key)
            return

        def finish(done):
            failed = done.exception()
            result = ([failed] * len(batch), 0.0) if failed else done.result()
            self._finish(key, batch, *result)
            self._start(key)

        run = loop.run_in_executor(self._pool, _run_batch, signature, arrays)
        run.add_done_callback(finish)

    def _is_short(self, signature, size):
        """Returns whether inputs of this size are expected to take little time."""
        pace = self._pace.get(signature) if signature.bounded else None
        return pace is not None and pace * size < MAX_INLINE_S

    def _finish(self, key, batch, results, seconds):
        signature, _ = key
        pace = seconds / sum(request.size for request in batch)
        self._pace[signature] = max(pace, PACE_DECAY * self._pace.get(signature, 0.0))
        self._running[key] -= 1
        for request, result in zip(batch, results, strict=True):
            if request.outputs.done():
                continue
            if isinstance(result, BaseException):
                request.outputs.set_exception(result)
            else:
                request.outputs.set_result(result)


def _take_batch(queue, join):
    """Removes the requests of the next batch from a queue and returns them."""
    batch, rows = [], 0
    while queue and (not batch or rows + queue[0].rows <= MAX_BATCH_ROWS):
        request = queue.popleft()  # one of more rows is a batch by itself
        if request.outputs.done():  # cancelled
            continue
        batch.append(request)
        rows += request.rows
        if not join:
            break
    return batch


def _size(arrays):
    """Returns the size of inputs in bytes, plus `REQUEST_BYTES`."""
    return REQUEST_BYTES + sum(
        sum(map(len, array.flat)) if array.dtype == object else array.nbytes
        for array in arrays.values()
    )


def _run_batch(signature, batch):
    """Computes a batch.

    Returns:
        The outputs or the exception of each request, and the processor time in seconds.
    """
    began = time.thread_time()  # without the time of other threads
    results = _joined(signature, batch) if len(batch) > 1 else None
    if results is None:
        results = [_run_one(signature, arrays) for arrays in batch]
    return results, time.thread_time() - began


def _joined(signature, batch):
    """Returns the outputs of each request from one call, or None if that fails."""
    joined = {
        name: np.concatenate([arrays[name] for arrays in batch]) for name in batch[0]
    }
    sizes = [len(next(iter(arrays.values()))) for arrays in batch]
    try:
        outputs = signature(joined)
    except Exception:  # whichever request is wrong: run each by itself
        return None
    if any(len(value) != sum(sizes) for value in outputs.values()):
        signature.joins = False  # its outputs have no batch dimension
        return None
    ends = np.cumsum(sizes)
    return [
        {name: value[end - size : end] for name, value in outputs.items()}
        for size, end in zip(sizes, ends, strict=True)
    ]


def _run_one(signature, arrays):
    try:
        return signature(arrays)
    except Exception as error:
        return error
