"""The way to a server: when a call is tried again, and what is said if it fails.

A transport (rest.py, grpc.py) has the methods `predict`, `status`, `metadata`
and `close`, and makes one attempt at a time. One that fails raises `AttemptError`;
`call_with_retries` tries again, or makes a `ServingError` of it.
"""

import itertools
import random
import time
from urllib.parse import urlsplit

from serving.client.arrays import read_output

AGAIN = ("429", "502", "503", "RESOURCE_EXHAUSTED", "UNAVAILABLE")
PORTS = "Is it the right port? TensorFlow Serving has REST on 8501, gRPC on 8500."
ADVICE = {
    "400": "`python -m serving.client metadata MODEL` lists what a model takes.",
    "404": "Is the model exported, and served under this name and version?",
    "503": "It is starting or has too much to do: try again later.",
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
    """A server that gives no answer, or refuses.

    An `OSError`, as what goes wrong lies outside of this process; mistakes that are
    found before anything is sent are `ValueError`s.

    Attributes:
        status: What the server said: HTTP's number over REST, the name of the code over
            gRPC, such as "NOT_FOUND"; None if it said nothing.
    """

    def __init__(self, message, status=None):
        super().__init__(message)
        self.status = status


class AttemptError(Exception):
    """An attempt that failed.

    Attributes:
        status: As in `ServingError`.
        again: Whether another attempt may do better.
        advice: What to try.
        after_s: Seconds that the server asks to wait, or None.
    """

    def __init__(self, said, status=None, again=False, advice=None, after_s=None):
        super().__init__(said)
        self.status, self.after_s = status, after_s
        self.again = again or str(status) in AGAIN
        self.advice = ADVICE.get(str(status), "") if advice is None else advice


class TimeUpError(AttemptError):
    """An attempt that took all the time there was."""

    def __init__(self, said, status=None):
        super().__init__(said, status, advice="Ask for less at once, or wait longer.")


def connect(address, backoff_s):
    """Returns a server's name in messages, and the transport to it.

    Args:
        address: `http://HOST:PORT`, `https://HOST:PORT` or `grpc://HOST:PORT`.
        backoff_s: As in `call_with_retries`.

    Raises:
        ValueError: If the address is none of these.
    """
    parts = urlsplit(address)
    try:
        port = parts.port
        valid = parts.hostname and parts.scheme in ("http", "https", "grpc")
        if parts.scheme == "grpc":
            valid = valid and port and parts.path in ("", "/")
    except ValueError:  # of a port that is no number
        valid = False
    if not valid:
        raise ValueError(
            "address: expected http://HOST:PORT, https://HOST:PORT or "
            f"grpc://HOST:PORT. Received: {address}."
        )
    host = parts.netloc.rpartition("@")[2]  # without a password
    if parts.scheme == "grpc":
        from serving.client.grpc import (
            Grpc,  # loads TensorFlow, which REST does without
        )

        return f"grpc://{host}", Grpc(host, backoff_s)
    from serving.client.rest import Rest

    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}", Rest(address.rstrip("/"))


def call_with_retries(attempt, asked, timeout_s, retries, backoff_s):
    """Returns what an attempt returns, the first that succeeds.

    Before the nth retry it waits `backoff_s * 2**(n - 1)` seconds, half as much more or
    less by chance, or as long as the server asks for.

    Args:
        attempt: Function of the seconds that are left.
        asked: What to call the call in the message.
        timeout_s: Seconds for all attempts and the pauses between them.
        retries: Attempts after the first, at most.
        backoff_s: See above.

    Raises:
        ServingError: If none succeeds in time.
    """
    began, heard = time.monotonic(), []
    for number in itertools.count():
        try:
            return attempt(max(began + timeout_s - time.monotonic(), 1e-3))
        except AttemptError as error:
            heard = [said for said in heard if said != str(error)] + [str(error)]
            pause = backoff_s * 2**number * random.uniform(0.5, 1.5)
            pause = pause if error.after_s is None else error.after_s
            spent = time.monotonic() - began
            late = isinstance(error, TimeUpError) or (
                error.again and spent + pause >= timeout_s
            )
            if late or not error.again or number >= retries:
                said = "; then ".join(heard)
                if number:
                    said += f" ({number + 1} attempts in {spent:.1f} s)"
                more = [error.advice] if error.advice else []
                if error.again and error.after_s is not None:
                    more.insert(0, f"It asks to wait {error.after_s:g} s.")
                if late:
                    more.append(f"The time was limited to {timeout_s:g} s.")
                text = " ".join([f"{asked}: {said.rstrip('.')}.", *more])
                raise ServingError(text, error.status) from error
        time.sleep(pause)


def one_line(text, most=300):
    """Returns what a server said, without line breaks and the graph's words."""
    line = " ".join(text.split("[[{{node")[0].split())
    return line if len(line) <= most else f"{line[:most]}..."


def read_outputs(found, specs):
    """Returns outputs as their `Spec`s say."""
    if not isinstance(found, dict) or set(found) != set(specs):
        raise AttemptError(
            f"expected the outputs {', '.join(specs)}. Received: {', '.join(found)}",
            advice="Another version of the model may serve by now: ask again.",
        )
    arrays = {}
    for name, spec in specs.items():
        try:
            arrays[name] = read_output(name, found[name], spec)
        except (ValueError, TypeError) as error:
            said = f"output {name}: expected {spec}. Received: {error}"
            is_text = isinstance(error, UnicodeDecodeError)
            advice = "Bytes need a name that ends in _bytes." if is_text else ""
            raise AttemptError(said, advice=advice) from error
    return arrays
