"""Runs the steps of a worker in several processes on its cores.

A process imports this module first, which imports no TensorFlow: what it does before
it imports the steps holds for TensorFlow as well.
"""

import functools
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

from apps.common.training.processor import available_cores

PROCESS_BYTES = 2**28  # of text: less is read no sooner, as a process starts in 2 s


def process_count(size):
    """Returns the number of processes for a text: one for each `PROCESS_BYTES`.

    They are at most as many as the cores that this process may use.

    Args:
        size: Size of the text, in bytes.
    """
    return max(1, min(len(available_cores()), size // PROCESS_BYTES))


@contextmanager
def processes(count, module):
    """Yields a function that runs a step on items, in several processes.

    It takes the step, the items, and further arguments of the step. It yields what the
    step returns, in the order in which the items are done. An error of a step is raised
    here. When the block ends, or this process is killed, the processes end.

    Args:
        count: Number of processes; 1 runs the steps in this process.
        module: Name of the module of the steps, which the processes import meanwhile.

    Raises:
        ChildProcessError: If one of the processes is killed.
    """
    if count == 1:
        yield _run_here
        return
    context = get_context("spawn")  # a fork of a process with threads may hang
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, context, _prepare, (reader,))
    with reader, writer, pool:
        try:
            for _ in range(count):  # starts a process each
                pool.submit(__import__, module)
            yield functools.partial(_run, pool)
        except BaseException as error:
            writer.close()  # ends the processes
            pool.shutdown(cancel_futures=True)
            if not isinstance(error, BrokenProcessPool):
                raise
            raise ChildProcessError(
                "A process that encodes the text was killed; the system does so when "
                "memory runs out. Run the command again: it goes on with the parts "
                "that are missing."
            ) from None


def _run_here(step, items, *arguments):
    for item in items:
        yield step(item, *arguments)


def _run(pool, step, items, *arguments):
    futures = [pool.submit(step, item, *arguments) for item in items]
    for future in as_completed(futures):
        yield future.result()


def _prepare(reader):
    """Prepares a process of the pool; its parent gets Ctrl-C, and has the GPUs.

    Args:
        reader: Reading end of a pipe to which nobody writes. When the writing end is
            closed, as it is when the parent is killed, this process ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    sys.modules["keras"] = None  # TensorFlow would import it, which takes as long again

    def end_with_parent():
        reader.poll(None)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
