"""The paths of TensorFlow Serving's REST API; all others under /v1/ are HTTP 400."""

import re

from serving.engine import RequestError

_MODEL = "/v1/models/[^/:]+(/versions/[0-9]+)?"
_PATHS = {
    "GET": re.compile(f"/v1/models|{_MODEL}(/metadata|/cell)?"),
    "POST": re.compile(f"{_MODEL}:predict"),
}
_KNOWN = (
    "Known: GET /v1/models/NAME[/versions/N][/metadata or /cell] and "
    "POST /v1/models/NAME[/versions/N]:predict, without a query."
)


def check(method, path, query):
    """Checks the method and the path of a request.

    Raises:
        RequestError: If the path begins with /v1/ and is none of the REST API, has
            another method, or is followed by a query.
    """
    pattern = _PATHS.get(method)
    if path.startswith("/v1/") and (query or not (pattern and pattern.fullmatch(path))):
        called = f"{method} {path}" + (f"?{query}" if query else "")
        raise RequestError(400, f"Malformed request: {called}. {_KNOWN}")


def canonical(version):
    """Returns a version number, a text of digits, without leading zeros.

    Raises:
        RequestError: If it is beyond 64 bits.
    """
    digits = version.lstrip("0") or "0"
    if len(digits) > 19 or int(digits) >= 1 << 63:
        message = f"Failed to convert version: {digits[:40]} to numeric."
        raise RequestError(400, f"{message} Give a number below 2^63.")
    return digits
