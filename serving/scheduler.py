"""Answers together what waits together.

While a signature computes, requests to it wait; then all that wait are joined into one
batch. Nobody waits for a batch to fill: under low load each request goes alone, and the
higher the load the larger the batches.
"""

import asyncio
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from serving.formats import RequestError

MOST_ROWS = 64  # that are joined


@dataclass
class PendingRequest:
    """A request that waits: its arrays, how many rows they have, and its answer."""

    arrays: dict
    rows: int
    answer: asyncio.Future


class Scheduler:
    """Runs signatures in a few threads.

    Args:
        most_waiting: Requests that may be under way or wait; more are refused.
        join: Whether requests are joined.
        observe: Called with the number of requests of each run.
    """

    def __init__(self, most_waiting, join=True, observe=lambda requests: None):
        self.most_waiting, self.join, self.observe = most_waiting, join, observe
        self.waiting = 0
        self._queues, self._running = {}, {}
        self._workers = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers, "run")

    async def run(self, signature, arrays):
        """Returns what a signature answers.

        Raises:
            RequestError: If the signature refuses the input, or too many wait.
        """
        if self.waiting >= self.most_waiting:
            raise RequestError(
                503, f"{self.waiting} requests wait already. Try again in a moment."
            )
        sizes = {array.shape[0] if array.ndim else None for array in arrays.values()}
        joins = self.join and signature.joins and len(sizes) == 1 and None not in sizes
        shapes = tuple(array.shape[1:] for array in arrays.values()) if joins else None
        key = (signature, shapes)
        one = PendingRequest(
            arrays,
            sizes.pop() if joins else 0,
            asyncio.get_running_loop().create_future(),
        )
        self._queues.setdefault(key, deque()).append(one)
        self.waiting += 1
        self._start(key)
        try:
            return await one.answer
        finally:
            self.waiting -= 1

    def close(self):
        """Waits for what is under way."""
        self._pool.shutdown(wait=True)

    def _start(self, key):
        """Starts the next run of a queue, if it is its turn."""
        signature, shapes = key
        queue, running = self._queues[key], self._running.get(key, 0)
        if running >= (1 if shapes is not None else self._workers):
            return
        batch, rows = [], 0
        while queue and (not batch or rows + queue[0].rows <= MOST_ROWS):
            one = queue.popleft()
            if one.answer.done():  # given up
                continue
            batch.append(one)
            rows += one.rows
            if shapes is None:
                break
        if not batch:
            if not running:
                del self._queues[key]
                self._running.pop(key, None)
            return
        self._running[key] = running + 1
        self.observe(len(batch))
        loop = asyncio.get_running_loop()
        arrays = [one.arrays for one in batch]
        run = loop.run_in_executor(self._pool, _answers, signature, arrays)
        run.add_done_callback(lambda done: self._finish(key, batch, done))

    def _finish(self, key, batch, done):
        self._running[key] -= 1
        answers = [done.exception()] * len(batch) if done.exception() else done.result()
        for one, answer in zip(batch, answers, strict=True):
            if one.answer.done():
                continue
            if isinstance(answer, BaseException):
                one.answer.set_exception(answer)
            else:
                one.answer.set_result(answer)
        self._start(key)


def _answers(signature, batch):
    """Returns the answer to each request, or the error that it ends in."""
    if len(batch) > 1:
        joined = {
            name: np.concatenate([arrays[name] for arrays in batch])
            for name in batch[0]
        }
        sizes = [len(next(iter(arrays.values()))) for arrays in batch]
        try:
            outputs = signature(joined)
        except RequestError:  # one of them is to blame: each by itself
            pass
        else:
            if all(len(value) == sum(sizes) for value in outputs.values()):
                ends = np.cumsum(sizes)
                return [
                    {name: value[end - size : end] for name, value in outputs.items()}
                    for size, end in zip(sizes, ends, strict=True)
                ]
            signature.joins = False  # its outputs do not go by rows
    return [_answer(signature, arrays) for arrays in batch]


def _answer(signature, arrays):
    try:
        return signature(arrays)
    except Exception as error:
        return error
