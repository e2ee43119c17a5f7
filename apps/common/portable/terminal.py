"""Reports expected errors of a command line in one line, and messages once."""

import functools
import os
import re
import sys
from contextlib import contextmanager

NO_MEMORY = re.compile("OOM when|Out of memory|[Uu]nable to allocate|ailed to allocate")
NOT_A_MESSAGE = (
    "Graph execution error",
    "Detected at node",
    "File ",
    "<stack",
    "Hint:",
)


@contextmanager
def report_errors():
    """Prints an expected error as one line and exits; a bug keeps its traceback.

    The exit code is 2 for a user's mistake (`ValueError`), 1 for a failure of the
    system (`OSError`, such as a full disk or a missing permission, or too little
    memory), and 130 for Ctrl-C. CAROUSEL_DEBUG=1 shows the traceback of these as well.
    """
    try:
        yield
    except (ValueError, KeyboardInterrupt, *_system_errors()) as error:
        if os.environ.get("CAROUSEL_DEBUG"):
            raise
        if isinstance(error, KeyboardInterrupt):
            message = "The same command resumes training; other work begins anew."
            print(f"\nInterrupted. {message}", file=sys.stderr)
            sys.exit(130)
        print(f"Error: {_message(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ValueError) else 1)


@functools.cache
def report_once(message):
    """Prints a message on standard error, once per process: files are read again."""
    print(message, file=sys.stderr)


def first_line(message):
    """Returns the first line of a text, or "no message" for an empty one."""
    return next(iter(str(message).strip().splitlines()), "no message")


def last_line(message):
    """Returns the last line of a text, or "no message" for an empty one."""
    return next(reversed(str(message).strip().splitlines()), "no message")


def _system_errors():
    """Returns the exception types of system failures, including TensorFlow's."""
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


def _message(error):
    """Returns an error's message in one line, with advice if memory ran out.

    TensorFlow's messages have many lines; the first that is not part of a traceback
    names the reason.
    """
    lines = [line.strip() for line in str(error).splitlines()]
    memory_lines = [line for line in lines if NO_MEMORY.search(line)]
    if memory_lines or isinstance(error, MemoryError):
        reason = _without_nodes(memory_lines[0]) if memory_lines else " ".join(lines)
        return (
            f"Not enough memory: {reason or 'the machine has no more.'} "
            "Set a lower train.batch_size, or use shorter texts or clips or a smaller "
            "model, each with another run_directory=..."
        )
    if not hasattr(error, "error_code"):  # not from TensorFlow
        return " ".join(filter(None, lines))
    reasons = [line for line in map(_without_nodes, lines) if line]
    reasons = [line for line in reasons if not line.startswith(NOT_A_MESSAGE)]
    return reasons[0] if reasons else type(error).__name__


def _without_nodes(line):
    """Returns a line of TensorFlow's message without the names of graph nodes."""
    line = re.sub(r"\{\{[^}]*\}\}|\[\[.*|\[Op:.*| on /job:.*", "", line).strip()
    return line if not line or line[-1] in ".!?" else f"{line}."
