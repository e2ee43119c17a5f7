"""Decodes JSON and base64 as TensorFlow Serving's parsers (RapidJSON, Abseil) do."""

import base64
import json
import re

import orjson

# An escaped pair of surrogates, an escaped surrogate without its other half, or
# another escape.
_PAIR = r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"\\(?:{_PAIR}|(u[dD][89a-fA-F])|.)", re.DOTALL)


class Literal(float):
    """A number that was written as NaN, Infinity or -Infinity."""


def _first(members):
    """Returns an object's members by name; of equal names the first counts."""
    return dict(reversed(members))


FAST_BYTES = 4096  # shorter bodies gain nothing
_DECODER = json.JSONDecoder(object_pairs_hook=_first, parse_constant=Literal)


def load_json(body):
    """Parses bytes as JSON.

    The encoding is UTF-8, with or without a byte order mark. Bytes that are not UTF-8
    stay in the texts; `encode` returns them. Of several members of one name the first
    counts. NaN, Infinity and -Infinity are numbers, of the type `Literal`. In a long
    body an integer beyond 64 bits may be a float.

    Raises:
        ValueError: If the body is not JSON.
    """
    if len(body) > FAST_BYTES:
        try:
            value = orjson.loads(body)  # four times as fast
        except ValueError:  # such as NaN
            pass
        else:
            if _count_members(value) == body.count(b":"):  # else a name may come twice
                return value
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        raise ValueError(f"the body looks like {encoding}. Send UTF-8")
    text = body.decode("utf-8-sig", "surrogateescape")
    if "\\u" in text and any(match[1] for match in _ESCAPE.finditer(text)):
        raise ValueError("an escaped surrogate without its other half")
    return _DECODER.decode(text)


def _count_members(request):
    """Returns the number of members of a request and of the objects in its members."""
    if not isinstance(request, dict):
        return 0
    rows = [row for v in request.values() for row in (v if type(v) is list else (v,))]
    return len(request) + sum(len(row) for row in rows if type(row) is dict)


def encode(text):
    """Returns a text of `load_json` as the bytes that the body had."""
    return text.encode("utf-8", "surrogateescape")


def decode_base64(text):
    """Returns the bytes that a base64 text stands for.

    ASCII white space is ignored and padding may be left out.

    Raises:
        ValueError: If the text is not base64.
    """
    packed = text
    for space in "\t\n\v\f\r ":  # a tenth of the time of a regular expression
        packed = packed.replace(space, "")
    content = packed.rstrip("=.")  # Abseil takes dots for padding, too
    padding = -len(content) % 4
    if padding == 3 or len(packed) - len(content) not in (0, padding):
        raise ValueError("the padding is wrong")
    return base64.b64decode(content + "=" * padding, validate=True)
