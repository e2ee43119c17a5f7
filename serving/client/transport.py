"""Retries, errors and their messages: what REST and gRPC have in common.

A transport (rest.py, grpc.py) has the methods `predict`, `status`, `metadata` and
`close`. Each makes one attempt and raises `AttemptError` if it fails;
`call_with_retries` retries it or raises a `ServingError`.
"""

import random
import time

from serving.client.arrays import read_output
from serving.formats import without_nodes

RETRYABLE = ("429", "502", "503", "RESOURCE_EXHAUSTED", "UNAVAILABLE")
PORTS = "Is it the right port? TensorFlow Serving has REST on 8501, gRPC on 8500."
ADVICE = {
    "400": "`python -m serving.client metadata MODEL` lists what a model takes.",
    "404": "Is the model exported, and served under this name and version?",
    "503": "It is starting or overloaded: try again later.",
}
ADVICE |= {
    "INVALID_ARGUMENT": ADVICE["400"],
    "FAILED_PRECONDITION": ADVICE["400"],
    "NOT_FOUND": ADVICE["404"],
    "429": ADVICE["503"],
    "UNAVAILABLE": ADVICE["503"],
    "RESOURCE_EXHAUSTED": ADVICE["503"],
    "UNIMPLEMENTED": PORTS,
}


class ServingError(OSError):
    """A server refuses a call or gives no answer.

    It is an `OSError` because the cause lies outside this process. Mistakes that the
    client finds before it sends anything are `ValueError`s.

    Attributes:
        status: The HTTP status over REST, the name of the status code over gRPC, such
            as "NOT_FOUND"; None if there was no answer.
    """

    def __init__(self, message, status=None):
        super().__init__(message)
        self.status = status


class AttemptError(Exception):
    """A failed attempt.

    Attributes:
        status: As in `ServingError`.
        retryable: Whether another attempt may succeed.
        advice: What the user can do.
        after_s: Seconds that the server asks the client to wait, or None.
    """

    def __init__(
        self, message, status=None, retryable=False, advice=None, after_s=None
    ):
        super().__init__(message)
        self.status, self.after_s = status, after_s
        self.retryable = retryable or str(status) in RETRYABLE
        self.advice = ADVICE.get(str(status), "") if advice is None else advice


class TimeUpError(AttemptError):
    """An attempt that used up the time limit."""

    def __init__(self, message, status=None):
        super().__init__(
            message, status, advice="Ask for less at once, or wait longer."
        )


# Not tenacity: the messages need each error, the pause and the reason for the end, and
# with callbacks that collect them the code became longer than this loop.
def call_with_retries(attempt, call_name, timeout_s, retries, backoff_s):
    """Returns the result of the first attempt that succeeds.

    Before retry n it waits `backoff_s * 2**(n - 1)` seconds times a random factor
    between 0.5 and 1.5, or as long as the server asks for.

    Args:
        attempt: Function that takes the remaining time in seconds.
        call_name: Name of the call in messages.
        timeout_s: Seconds for all attempts and the pauses between them.
        retries: Maximum number of attempts after the first.
        backoff_s: Mean pause before the first retry, in seconds.

    Raises:
        ServingError: If no attempt succeeds in time.
    """
    began, errors = time.monotonic(), []
    while True:
        try:
            return attempt(max(began + timeout_s - time.monotonic(), 1e-3))
        except AttemptError as error:
            errors.append(error)
            pause_s = _pause_s(error, len(errors), backoff_s)
            spent_s = time.monotonic() - began
            late = isinstance(error, TimeUpError) or (
                error.retryable and spent_s + pause_s >= timeout_s
            )
            if late or not error.retryable or len(errors) > retries:
                limit_s = timeout_s if late else None
                message = f"{call_name}: {_failure(errors, spent_s, limit_s)}"
                raise ServingError(message, error.status) from error
        time.sleep(pause_s)


def _pause_s(error, number, backoff_s):
    """Returns the seconds to wait before retry `number`."""
    if error.after_s is not None:
        return error.after_s
    return backoff_s * 2 ** (number - 1) * random.uniform(0.5, 1.5)


def _failure(errors, spent_s, limit_s):
    """Returns the message for failed attempts, with advice.

    Args:
        errors: The `AttemptError` of each attempt, in order.
        spent_s: Seconds since the first attempt began.
        limit_s: The time limit if it ended the attempts, else None.
    """
    last = errors[-1]
    reasons = list(dict.fromkeys(str(error) for error in reversed(errors)))
    text = "; then ".join(reversed(reasons))  # each once, where it came last
    if len(errors) > 1:
        text += f" ({len(errors)} attempts in {spent_s:.1f} s)"
    sentences = [f"{text.rstrip('.')}."]
    if last.retryable and last.after_s is not None:
        sentences.append(f"The server asks to wait {last.after_s:g} s.")
    if last.advice:
        sentences.append(last.advice)
    if limit_s is not None:
        sentences.append(f"The time limit is {limit_s:g} s.")
    return " ".join(sentences)


def one_line(text, longest=300):
    """Returns a server's message in one line, without the names of graph nodes."""
    line = " ".join(without_nodes(text).split())
    return line if len(line) <= longest else f"{line[:longest]}..."


def read_outputs(outputs, specs):
    """Returns outputs as arrays of the types that `specs` name.

    Args:
        outputs: Values by output name, as `read_output` takes them.
        specs: `Spec` by output name.

    Raises:
        AttemptError: If names or types differ from `specs`.
    """
    if not isinstance(outputs, dict) or set(outputs) != set(specs):
        names = outputs if isinstance(outputs, dict) else ["one without a name"]
        raise AttemptError(
            f"expected the outputs {', '.join(specs)}. Received: {', '.join(names)}",
            advice="The server may have loaded another version: ask again.",
        )
    arrays = {}
    for name, spec in specs.items():
        try:
            arrays[name] = read_output(name, outputs[name], spec)
        except (ValueError, TypeError) as error:
            message = f"output {name}: expected {spec}. Received: {error}"
            is_text = isinstance(error, UnicodeDecodeError)
            advice = "Bytes need a name that ends in _bytes." if is_text else ""
            raise AttemptError(message, advice=advice) from error
    return arrays
