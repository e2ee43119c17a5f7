"""Converts TensorFlow Serving's JSON to arrays and outputs back to JSON.

The formats are those of TensorFlow Serving's "RESTful API" page.
"""

import base64
import binascii
import json
import re
from itertools import chain

import numpy as np
import orjson

DEFAULT_SIGNATURE = "serving_default"
MAX_DIMENSIONS = 32  # of an input; TensorFlow aborts the process above about 250
NUMBERS = frozenset((int, float))
TRACE = re.compile(r"\s*\[\[?\{\{.*", re.DOTALL)
PLACE = re.compile(r"\{\{\w*node [^}]*\}\}\s*")


class RequestError(Exception):
    """A request that is refused, with its HTTP status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def parse(body):
    """Parses the body of a predict request; returns a dictionary.

    Raises:
        RequestError: If the body is not a JSON object, or has neither or both of
            `instances` and `inputs`.
    """
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise RequestError(400, "Expected a JSON object with instances or inputs.")
    if not isinstance(request.get("signature_name", ""), str):
        raise RequestError(400, "signature_name must be a string.")
    if ("instances" in request) == ("inputs" in request):
        raise RequestError(400, 'Expected either "instances" or "inputs".')
    return request


def arrays_of(request, specs):
    """Returns the input arrays of a request.

    Args:
        request: Dictionary from `parse`.
        specs: `tf.TensorSpec` by input name.

    Returns:
        NumPy arrays by input name; strings are bytes in an object array.

    Raises:
        RequestError: If an input is missing or has the wrong type or shape.
    """
    if "inputs" in request:
        columns = _columns(request["inputs"], specs)
    else:
        rows = request["instances"]
        if not isinstance(rows, list) or not rows:
            message = '"instances" must be a list that is not empty.'
            raise RequestError(400, message)
        rows = [_columns(row, specs) for row in rows]
        columns = {name: [row[name] for row in rows] for name in specs}
    return {name: _array(name, columns[name], spec) for name, spec in specs.items()}


def answer_of(request, outputs):
    """Encodes outputs as JSON: as rows if the request has rows, else as columns.

    Args:
        request: Dictionary from `parse`.
        outputs: NumPy arrays by output name.

    Returns:
        JSON as bytes.

    Raises:
        RequestError: If the request has rows and the outputs differ in their number of
            rows.
    """
    finite = all(
        array.dtype.kind != "f" or np.isfinite(array).all()
        for array in outputs.values()
    )
    columns = {name: _plain(name, array) for name, array in outputs.items()}
    if not finite:  # orjson cannot write TensorFlow Serving's bare NaN and Infinity
        columns = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in columns.items()
        }
    if "inputs" in request:
        content = {"outputs": _unwrap(columns)}
    else:
        if len({len(value) for value in columns.values()}) > 1:
            raise RequestError(400, "The outputs have inconsistent batch sizes.")
        rows = zip(*columns.values(), strict=True)
        rows = [_unwrap(dict(zip(columns, row, strict=True))) for row in rows]
        content = {"predictions": rows}
    if finite:
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return json.dumps(content, separators=(",", ":")).encode()


def without_nodes(message):
    """Returns a message of TensorFlow without the names of graph nodes.

    They follow it, as in `[[{{function_node f}}{{node g}}]]`, or precede it, as in
    `{{function_node f}} message`.
    """
    return PLACE.sub("", TRACE.sub("", message))


def reason(error):
    """Returns the message of an operation's error in one line, without node names."""
    lines = without_nodes(str(error)).strip().splitlines()
    return lines[-1] if lines else "The request cannot be answered."


def _columns(inputs, specs):
    """Returns values by input name; a single input may be sent without its name."""
    if not isinstance(inputs, dict) or (len(specs) == 1 and "b64" in inputs):
        inputs = dict.fromkeys(specs, inputs) if len(specs) == 1 else {}
    missing = ", ".join(sorted(set(specs) - set(inputs)))
    if missing:
        known = ", ".join(sorted(specs))
        raise RequestError(400, f"Missing inputs: {missing}. Known: {known}.")
    return inputs


def _array(name, value, spec):
    expected = f"Input {name} must be {spec.dtype.name} of shape {spec.shape}"
    try:
        leaves, shape = _flat(value)
        array = np.array(_leaves(leaves, spec.dtype), spec.dtype.as_numpy_dtype)
        array = array.reshape(shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise RequestError(400, f"{expected}: {error}.") from None
    if not spec.shape.is_compatible_with(shape):
        raise RequestError(400, f"{expected}. Received: shape {tuple(shape)}.")
    return array


def _flat(value):
    """Returns the leaves of nested lists and their shape."""
    shape, items = [], [value]
    while items and any(isinstance(item, list) for item in items):
        if len(shape) == MAX_DIMENSIONS:
            raise ValueError(f"more than {MAX_DIMENSIONS} dimensions")
        if not all(isinstance(item, list) for item in items):
            raise ValueError("values and lists are mixed")
        sizes = set(map(len, items))
        if len(sizes) > 1:
            raise ValueError(f"lists of lengths {min(sizes)} and {max(sizes)}")
        shape.append(sizes.pop())
        items = list(chain.from_iterable(items))
    return items, shape


def _leaves(items, dtype):
    if dtype.name == "string":
        return [_bytes(item) for item in items]
    kinds = {bool} if dtype.name == "bool" else {int} if dtype.is_integer else NUMBERS
    if not kinds.issuperset(map(type, items)):
        wrong = next(item for item in items if type(item) not in kinds)
        raise ValueError(f"{json.dumps(wrong)[:80]} is not of this type")
    if dtype.is_integer and items:
        for item in (min(items), max(items)):
            if not dtype.min <= item <= dtype.max:
                raise ValueError(f"{item} is out of range")
    return items


def _bytes(item):
    if isinstance(item, str):
        return item.encode("utf-8")
    if isinstance(item, dict) and set(item) == {"b64"}:
        try:
            return base64.b64decode(item["b64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise ValueError(f"b64: {error}") from None
    raise ValueError(f"{json.dumps(item)[:80]} is not of this type")


def _plain(name, array):
    """Returns an output as JSON values; base64 if its name ends in `_bytes`."""
    if array.dtype != object:
        return np.ascontiguousarray(array)

    def text(value):
        if name.endswith("_bytes"):
            return {"b64": base64.b64encode(value).decode()}
        return value.decode("utf-8", "replace")

    return np.vectorize(text, otypes=[object])(array).tolist()


def _unwrap(outputs):
    """Returns a single output without its name, as TensorFlow Serving does."""
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs
