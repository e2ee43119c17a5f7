"""The REST transport: TensorFlow Serving's API, one attempt at a time."""

import json
import threading
import time
import weakref
from urllib.parse import quote

import requests
import urllib3

from serving.client.arrays import plain
from serving.client.transport import (
    PORTS,
    AttemptError,
    TimeUpError,
    one_line,
    read_outputs,
)

START = "Is it running? `make serve` starts one."


class Rest:
    """HTTP sessions, one for each thread.

    Args:
        address: `http://HOST:PORT` or `https://HOST:PORT`.
    """

    def __init__(self, address):
        self._url = f"{address}/v1/models/"
        self._thread, self._sessions = threading.local(), weakref.WeakSet()

    def predict(self, model, version, signature, arrays, outputs, timeout_s):
        """Returns output arrays by name, of the types in `outputs`, `Spec` by name."""
        for name, array in arrays.items():
            if 0 in array.shape[:-1]:
                raise ValueError(
                    f"{model}, signature {signature}: input {name}: expected sizes "
                    f"above 0 before the last one. Received: shape {array.shape}, "
                    "which JSON lists cannot express. Use gRPC."
                )
        columns = {name: array.tolist() for name, array in arrays.items()}
        request = {"signature_name": signature, "inputs": columns}
        body = json.dumps(request, default=plain).encode()
        path = _path(model, version, ":predict")
        answer = self._ask("POST", path, timeout_s, body)
        values = _get(answer, "outputs")
        if len(outputs) == 1:  # a single output comes without its name
            values = dict.fromkeys(outputs, values)
        return read_outputs(values, outputs)

    def status(self, model, version, timeout_s):
        """Returns the states of the versions, a list of dictionaries."""
        answer = self._ask("GET", _path(model, version), timeout_s)
        return _get(answer, "model_version_status")

    def metadata(self, model, version, timeout_s):
        """Returns the model's metadata, a dictionary."""
        return self._ask("GET", _path(model, version, "/metadata"), timeout_s)

    def close(self):
        """Closes the connections of all threads."""
        for session in list(self._sessions):
            session.close()

    def _session(self):
        if not hasattr(self._thread, "session"):
            self._thread.session = requests.Session()
            self._sessions.add(self._thread.session)
        return self._thread.session

    def _ask(self, method, path, timeout_s, body=None):
        end, pieces = time.monotonic() + timeout_s, []
        try:
            with self._session().request(
                method,
                self._url + path,
                data=body,
                headers={"Content-Type": "application/json"} if body else {},
                timeout=timeout_s,  # for each read, not for the whole answer
                allow_redirects=False,  # a redirect turns a POST into a GET
                stream=True,
            ) as response:
                for piece in _pieces(response):
                    pieces.append(piece)
                    if time.monotonic() > end:
                        raise requests.Timeout
        except requests.RequestException as error:
            raise _error(error, time.monotonic() >= end) from error
        text = b"".join(pieces).decode("utf-8", "replace")
        if response.status_code != 200:
            raise AttemptError(
                f"HTTP {response.status_code}: {_reason(text) or response.reason}",
                response.status_code,
                after_s=_seconds(response.headers.get("Retry-After", "")),
            )
        try:
            return json.loads(text)
        except ValueError:
            message = f"expected JSON. Received: {one_line(text, 80) or 'nothing'}"
            raise AttemptError(message, 200, advice=PORTS) from None


def _pieces(response):
    """Yields each part of a body as it arrives; `iter_content` waits for 64 KiB.

    Raises:
        requests.RequestException: If the connection breaks before the end.
    """
    try:
        while piece := response.raw.read1(1 << 16, decode_content=True):
            yield piece
    except urllib3.exceptions.SSLError as error:
        raise requests.exceptions.SSLError(error) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error


def _path(model, version, rest=""):
    which = "" if version is None else f"/versions/{version}"
    return f"{quote(str(model), safe='')}{which}{rest}"


def _get(answer, name):
    if not isinstance(answer, dict) or name not in answer:
        message = f'expected "{name}". Received: {one_line(json.dumps(answer), 80)}'
        raise AttemptError(message, 200, advice=PORTS)
    return answer[name]


def _reason(text):
    """Returns the error message in the body of an error response."""
    try:
        text = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        return one_line(text, 80)
    return one_line(text if isinstance(text, str) else json.dumps(text))


def _seconds(text):
    """Returns the seconds of a Retry-After header, or None if it holds a date."""
    return float(text) if text.strip().isdecimal() else None


def _error(error, late):
    """Returns the `AttemptError` for an exception of `requests`."""
    if late or isinstance(error, requests.Timeout):
        return TimeUpError("no answer in time")
    cause = _cause(error)
    if isinstance(cause, ConnectionRefusedError):
        return AttemptError("connection refused", retryable=True, advice=START)
    broken = requests.ConnectionError | requests.exceptions.ChunkedEncodingError
    untrusted = requests.exceptions.SSLError  # a subclass of ConnectionError
    retryable = isinstance(error, broken) and not isinstance(error, untrusted)
    message = getattr(cause, "strerror", None) or str(cause)
    return AttemptError(one_line(message), retryable=retryable, advice=PORTS)


def _cause(error):
    """Returns the innermost error of the operating system in a chain of errors."""
    cause = error
    while error is not None:
        of_requests = isinstance(error, requests.RequestException)
        if isinstance(error, OSError) and not of_requests:
            cause = error
        error = error.__cause__ or error.__context__
    return cause
