"""What a command line owes its user: one clear line instead of a stack trace."""

import argparse
import json
import os
import re
import sys
from contextlib import contextmanager

NO_MEMORY = re.compile("OOM when|Out of memory|[Uu]nable to allocate|ailed to allocate")
OF_THE_GRAPH = ("Graph execution error", "Detected at node", "File ", "<stack", "Hint:")


@contextmanager
def report_errors():
    """Ends the process with one line for what the user can mend.

    Exit code 2 for a mistake (`ValueError`), 1 for a machine that refuses (`OSError`:
    no space, no permission; or no memory), 130 for Ctrl-C. CAROUSEL_DEBUG=1 shows the
    stack trace.
    """
    try:
        yield
    except (ValueError, KeyboardInterrupt, *_refusals()) as error:
        if os.environ.get("CAROUSEL_DEBUG"):
            raise
        if isinstance(error, KeyboardInterrupt):
            print("\nInterrupted. The same command resumes.", file=sys.stderr)
            sys.exit(130)
        print(f"Error: {_told(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ValueError) else 1)


def _refusals():
    """Returns the errors by which the machine refuses, TensorFlow's among them."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return (OSError, MemoryError)
    errors = tensorflow.errors
    return (
        OSError,
        MemoryError,
        errors.ResourceExhaustedError,
        errors.PermissionDeniedError,
        errors.DataLossError,
    )


def _told(error):
    """Returns what an error says in one line; of TensorFlow's, the line that says it.

    Memory is what a user can do something about.
    """
    lines = [line.strip() for line in str(error).splitlines()]
    found = [line for line in lines if NO_MEMORY.search(line)]
    if found or isinstance(error, MemoryError):
        said = _without_graph(found[0]) if found else " ".join(lines)
        return (
            f"Not enough memory: {said or 'the machine has no more.'} "
            "Take a lower train.batch_size, then smaller texts or clips and a smaller "
            "model, and with them another run_directory=...; or give it more memory."
        )
    if not hasattr(error, "error_code"):  # not one of TensorFlow's
        return " ".join(filter(None, lines))
    told = [line for line in map(_without_graph, lines) if line]
    told = [line for line in told if not line.startswith(OF_THE_GRAPH)]
    return told[0] if told else type(error).__name__


def _without_graph(line):
    """Returns a line of TensorFlow's without the names of operations around it."""
    line = re.sub(r"\{\{[^}]*\}\}|\[\[.*|\[Op:.*| on /job:.*", "", line).strip()
    return line if not line or line[-1] in ".!?" else f"{line}."


def evaluate_command(evaluate, predictor_class):
    """Runs `python -m apps.X.evaluate RUN`: prints the metrics as JSON.

    Args:
        evaluate: The app's function of that name.
        predictor_class: The app's `Predictor`.
    """
    parser = argparse.ArgumentParser(
        description="Measures a finished run on its test split, once."
    )
    parser.add_argument("run", help="run directory of a finished training")
    arguments = parser.parse_args()
    with report_errors():
        predictor = predictor_class.load(arguments.run)
        print(json.dumps(evaluate(predictor), indent=2))
