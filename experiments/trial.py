"""Trains one trial of `tune`: a task's command line that ends with its parent.

    python -m experiments.trial TASK WORD ...

Standard input must be a pipe that the parent keeps open.
"""

import os
import sys
import threading

from experiments.run import main as run
from experiments.tasks import TASKS


def main(arguments):
    """Runs the command line of a task; its name is the first argument."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    name, *words = arguments
    run(TASKS[name], words)


def _end_with_parent():
    """Ends this process, as a kill would, when the parent has ended."""
    os.read(0, 1)  # without the lock of `sys.stdin`, which would outlast this thread
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
