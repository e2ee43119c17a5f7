"""What a command line owes its user: one clear line instead of a stack trace."""

import argparse
import json
import os
import sys
from contextlib import contextmanager


@contextmanager
def clear_errors():
    """Ends the process with one line for what the user can mend.

    Exit code 2 for a mistake (`ValueError`), 1 for a machine that refuses (`OSError`:
    no space, no permission), 130 for Ctrl-C. CAROUSEL_DEBUG=1 shows the stack trace.
    """
    try:
        yield
    except (ValueError, KeyboardInterrupt, *_refusals()) as error:
        if os.environ.get("CAROUSEL_DEBUG"):
            raise
        if isinstance(error, KeyboardInterrupt):
            print("\nInterrupted. The same command resumes.", file=sys.stderr)
            sys.exit(130)
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ValueError) else 1)


def _refusals():
    """Returns the errors by which the machine refuses, TensorFlow's among them."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return (OSError,)
    errors = tensorflow.errors
    return (OSError, errors.ResourceExhaustedError, errors.PermissionDeniedError)


def evaluate_command(evaluate):
    """Runs `python -m apps.X.evaluate RUN`: prints the metrics as JSON.

    Args:
        evaluate: The app's function of that name.
    """
    parser = argparse.ArgumentParser(description=evaluate.__doc__.splitlines()[0])
    parser.add_argument("run", help="run directory of a finished training")
    arguments = parser.parse_args()
    with clear_errors():
        print(json.dumps(evaluate(arguments.run), indent=2))
