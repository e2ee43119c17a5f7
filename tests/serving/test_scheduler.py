"""Dynamic batching: a batched request gets the same outputs as alone."""

import asyncio
import threading
import time

import numpy as np
import pytest

from serving.engine import RequestError
from serving.scheduler import MAX_BATCH_ROWS, Scheduler


class Doubling:
    """A signature that waits for an event and records the sizes of its batches."""

    joins, bounded = True, False

    def __init__(self, uneven=False, error=None):
        self.batches, self.uneven = [], uneven
        self.error = error or RequestError(400, "x must not be negative")
        self.go = threading.Event()

    def __call__(self, arrays):
        self.go.wait(10)
        x = arrays["x"]
        self.batches.append(len(x))
        if (x < 0).any():
            raise self.error
        return {"twice": 2 * x, "rest": x[:1] if self.uneven else x}


def ask(signature, requests, **options):
    """Sends all requests at once; the first runs, and the others wait for it."""

    async def send_all():
        scheduler = Scheduler(**{"max_waiting": 100, **options})
        tasks = [
            asyncio.create_task(scheduler.run(signature, {"x": np.array(x)}))
            for x in requests
        ]
        await asyncio.sleep(0.05)
        signature.go.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert scheduler.waiting == 0
        assert scheduler._queues == {}
        scheduler.close()
        return answers

    return asyncio.run(send_all())


def test_what_waits_is_joined_and_each_gets_its_own_rows():
    signature = Doubling()
    answers = ask(signature, [[1.0], [2.0, 3.0], [4.0], [5.0, 6.0, 7.0]])
    assert signature.batches == [1, 6]
    outputs = [answer["twice"].tolist() for answer in answers]
    assert outputs == [[2], [4, 6], [8], [10, 12, 14]]


def test_a_batch_has_no_more_rows_than_the_most():
    signature = Doubling()
    ask(signature, [[1.0]] * (2 * MAX_BATCH_ROWS + 1), max_waiting=200)
    assert signature.batches == [1, MAX_BATCH_ROWS, MAX_BATCH_ROWS]


def test_a_request_of_more_rows_than_the_most_goes_alone():
    signature = Doubling()
    ask(signature, [[1.0], [1.0] * (MAX_BATCH_ROWS + 5), [1.0]])
    assert signature.batches == [1, MAX_BATCH_ROWS + 5, 1]


def test_of_other_shapes_are_other_batches():
    signature = Doubling()
    ask(signature, [[[1.0]], [[1.0]], [[1.0, 2.0]], [[1.0]], [[3.0, 4.0]]])
    assert sorted(signature.batches) == [1, 1, 1, 2]


@pytest.mark.parametrize(
    "error",
    [
        RequestError(400, "x must not be negative"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        ZeroDivisionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_request_that_is_refused_does_not_spoil_its_neighbours(error):
    signature = Doubling(error=error)
    *good, bad, last = ask(signature, [[1.0], [2.0], [-3.0], [4.0]])
    assert [answer["twice"].tolist() for answer in (*good, last)] == [[2], [4], [8]]
    assert bad is error


def test_outputs_that_do_not_go_by_rows_are_found_out():
    signature = Doubling(uneven=True)
    answers = ask(signature, [[1.0], [2.0], [3.0]])
    assert [answer["rest"].tolist() for answer in answers] == [[1], [2], [3]]
    assert signature.joins is False


@pytest.mark.parametrize("case", ["switched off", "signature", "no rows"])
def test_what_cannot_be_joined_is_not(case):
    signature = Doubling()
    signature.joins = case != "signature"
    x = 1.0 if case == "no rows" else [1.0]
    requests = [x] * 3
    if case == "no rows":
        signature.uneven = False
        signature.__class__ = type("Scalar", (Doubling,), {"__call__": scalar})
    ask(signature, requests, join=case != "switched off")
    assert signature.batches == [1, 1, 1]


def scalar(self, arrays):
    self.batches.append(1)
    return {"twice": 2 * arrays["x"]}


def test_more_than_may_wait_are_told_to_come_again():
    signature = Doubling()
    answers = ask(signature, [[1.0]] * 5, max_waiting=3)
    refused = [answer for answer in answers if isinstance(answer, RequestError)]
    assert [error.status for error in refused] == [503, 503]
    assert "3 requests are waiting" in str(refused[0])


def test_a_request_that_was_given_up_is_not_computed():
    signature = Doubling()

    async def give_up():
        scheduler = Scheduler(100)
        first, second, third = (
            asyncio.create_task(scheduler.run(signature, {"x": np.array([x])}))
            for x in (1.0, 2.0, 3.0)
        )
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0)
        signature.go.set()
        await asyncio.gather(first, third)
        scheduler.close()

    asyncio.run(give_up())
    assert signature.batches == [1, 1]


def test_a_failure_reaches_everyone_who_waited():
    class Broken(Doubling):
        def __call__(self, arrays):
            self.go.wait(10)
            raise ZeroDivisionError

    answers = ask(Broken(), [[1.0], [2.0], [3.0]])
    assert [type(answer) for answer in answers] == [ZeroDivisionError] * 3


class Short:
    """A signature that takes no time; it records its threads and their batches."""

    joins = True

    def __init__(self, bounded=True):
        self.bounded, self.calls = bounded, []

    def __call__(self, arrays):
        here = threading.current_thread() is threading.main_thread()
        self.calls.append((here, len(arrays["x"])))
        return {"twice": 2 * arrays["x"]}


def ask_in_turn(signature, *groups):
    """Sends the requests of a group at once, one group after the other."""

    async def send_all():
        scheduler = Scheduler(100)
        for requests in groups:
            runs = (scheduler.run(signature, {"x": np.array(x)}) for x in requests)
            answers = await asyncio.gather(*runs)
            assert [answer["twice"].tolist() for answer in answers] == [
                [2 * value for value in request] for request in requests
            ]
            await asyncio.sleep(0)
        assert (scheduler.waiting, scheduler._queues) == (0, {})
        scheduler.close()

    asyncio.run(send_all())


def test_a_batch_that_takes_no_time_runs_in_the_event_loop():
    """A first call, in another thread, measures the signature."""
    signature = Short()
    ask_in_turn(signature, [[1.0]], [[2.0]], [[3.0], [4.0, 5.0], [6.0]], [[7.0]])
    assert signature.calls == [(False, 1), (True, 1), (True, 4), (True, 1)]


def test_a_long_input_and_one_that_says_how_long_it_takes_run_in_other_threads():
    signature, generating = Short(), Short(bounded=False)
    ask_in_turn(signature, [[1.0]], [[0.0] * 2_000_000])
    assert [here for here, _ in signature.calls] == [False, False]
    ask_in_turn(generating, [[1.0]], [[2.0]])
    assert [here for here, _ in generating.calls] == [False, False]


def test_a_signature_that_has_become_slow_leaves_the_event_loop():
    class Slow(Short):
        def __call__(self, arrays):
            until = time.thread_time() + self.busy
            while time.thread_time() < until:
                pass
            return super().__call__(arrays)

    signature = Slow()

    async def send_all():
        scheduler = Scheduler(100)
        for busy in (0, 0, 0.01, 0, 0):
            signature.busy = busy
            await scheduler.run(signature, {"x": np.array([1.0])})
        scheduler.close()

    asyncio.run(send_all())
    assert [here for here, _ in signature.calls] == [False, True, True, False, False]


def test_requests_that_are_not_joined_run_in_the_event_loop_one_by_one():
    signature = Short()
    signature.joins = False
    ask_in_turn(signature, [[1.0]], [[float(n)] for n in range(90)])
    assert signature.calls == [(False, 1)] + [(True, 1)] * 90
