"""What a command line owes its user: one clear line instead of a stack trace."""

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
