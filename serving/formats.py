"""Converts TensorFlow Serving's JSON to arrays and outputs back to JSON.

The formats are those of TensorFlow Serving's "RESTful API" page.
"""

import base64
import json
import re
from itertools import chain

import numpy as np
import orjson

from serving.body import Literal, decode_base64, encode, load_json
from serving.engine import DEFAULT_SIGNATURE, RequestError
from serving.number_lists import FLOATS, cast
from serving.specs import STRING

MAX_DIMENSIONS = 32  # of an input; TensorFlow aborts the process above about 250
NUMBERS = frozenset((int, float, Literal))
PLACE = re.compile(r"\{\{\w*node [^{}]*\}\}\s*")


def parse(body, load=load_json):
    """Parses the body of a predict request.

    Args:
        body: The bytes.
        load: `load_json`, or `load_numbers` for long lists of numbers. What the latter
            refuses, here and in `arrays_of`, may be right.

    Returns:
        A dictionary with `signature_name`, and with `instances` or `inputs`.

    Raises:
        RequestError: If the body is not a JSON object, or has neither or both of
            `instances` and `inputs`.
    """
    try:
        request = load(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise RequestError(400, "Expected a JSON object with instances or inputs.")
    name = request.get("signature_name", "")
    if not isinstance(name, str):
        raise RequestError(400, "signature_name must be a string.")
    if ("instances" in request) == ("inputs" in request):
        raise RequestError(400, 'Expected either "instances" or "inputs".')
    return {**request, "signature_name": name or DEFAULT_SIGNATURE}


def arrays_of(request, specs):
    """Returns the input arrays of a request.

    Args:
        request: Dictionary from `parse`.
        specs: `Spec` by input name.

    Returns:
        NumPy arrays by input name; strings are bytes in an object array.

    Raises:
        RequestError: If an input is missing or has the wrong type or shape, if a row
            has another input, or if the inputs differ in their number of rows.
    """
    if "instances" in request:
        columns = _columns_of_rows(request["instances"], specs)
        return {name: _array(name, columns[name], spec) for name, spec in specs.items()}
    columns = _columns(request["inputs"], specs)
    sizes = {len(v) for v in columns.values() if isinstance(v, list | np.ndarray)} - {0}
    rows = sizes.pop() if len(sizes) == 1 else 0
    arrays = {
        name: _array(name, columns[name], spec, rows) for name, spec in specs.items()
    }
    sizes = {name: len(arrays[name]) for name, spec in specs.items() if spec.has_rows}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise RequestError(400, f"Expected as many rows in each input. {listed}.")
    return arrays


def answer_of(request, outputs):
    """Encodes outputs as JSON: as rows if the request has rows, else as columns.

    Args:
        request: Dictionary from `parse`.
        outputs: NumPy arrays by output name.

    Returns:
        JSON as bytes.

    Raises:
        RequestError: If the request has rows and the outputs differ in their number of
            rows or have none.
    """
    finite = all(
        array.dtype.kind != "f" or np.isfinite(array).all()
        for array in outputs.values()
    )
    columns = {name: _plain(name, array) for name, array in outputs.items()}
    if not finite:  # orjson cannot write TensorFlow Serving's bare NaN and Infinity
        columns = {
            name: value.tolist() if hasattr(value, "tolist") else value
            for name, value in columns.items()
        }
    if "inputs" in request:
        content = {"outputs": _unwrap(columns)}
    else:
        for name in (name for name, array in outputs.items() if not array.ndim):
            message = f'The output {name} has no rows. Send "inputs" instead.'
            raise RequestError(400, message)
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

    They follow it, as in `[[{{function_node f}}{{node g}}]]`, precede it, as in
    `{{function_node f}} message`, or stand with the condition of an assertion, as in
    `assertion failed: [message] [Condition x > 0 did not hold:] [x (g:0) = ] [0]`.
    """
    message, trace, _ = message.partition("[{{")
    if trace:
        message = message.removesuffix("[").rstrip()
    message, condition, _ = message.partition("] [Condition ")
    if condition:
        message = message.replace("assertion failed: [", "", 1).rstrip()
    return PLACE.sub("", message)


def reason(error):
    """Returns the message of an operation's error in one line, without node names."""
    lines = without_nodes(str(error)).strip().splitlines()
    return lines[-1] if lines else "The request cannot be answered."


def _columns(inputs, specs):
    """Returns values by input name; a single input may be sent without its name."""
    if not _is_named(inputs):
        inputs = dict.fromkeys(specs, inputs) if len(specs) == 1 else {}
    if not specs.keys() <= inputs.keys():
        missing = ", ".join(sorted(specs.keys() - inputs.keys()))
        known = ", ".join(sorted(specs))
        raise RequestError(400, f"Missing inputs: {missing}. Known: {known}.")
    return inputs


def _columns_of_rows(rows, specs):
    """Returns lists of the rows' values by input name."""
    if not isinstance(rows, list) or not rows:
        raise RequestError(400, '"instances" must be a list that is not empty.')
    named, columns = _is_named(rows[0]), {name: [] for name in specs}
    for number, row in enumerate(rows):
        if _is_named(row) != named:
            message = "all rows must name the inputs, or none"
            raise RequestError(400, f'"instances": {message}. See row {number}.')
        values = _columns(row, specs)
        if named and len(values) > len(specs):
            names = ", ".join(sorted(set(values) - set(specs)))[:80]
            known = ", ".join(sorted(specs))
            message = f'"instances": row {number} has unknown inputs: {names}.'
            raise RequestError(400, f"{message} Known: {known}.")
        for name, column in columns.items():
            column.append(values[name])
    return columns


def _is_named(value):
    """Returns whether a value is an object of inputs by name, not a base64 text."""
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value):
    return (
        isinstance(value, dict)
        and len(value) == 1
        and isinstance(value.get("b64"), str)
    )


def _array(name, value, spec, rows=0):
    """Returns an input's array; an empty list is no value in each of the `rows`."""
    expected = f"Input {name} must be {spec.dtype} of shape {spec.shape}"
    sizes = spec.shape[1:] if spec.shape else ()
    empty = isinstance(value, list) and not value
    if empty and rows and None in sizes:
        shape = (rows, *(size or 0 for size in sizes))
        return np.empty(shape, object if spec.dtype == STRING else spec.dtype)
    try:
        leaves, kinds, shape = _flat(value)
        array = _leaves(leaves, kinds, spec.dtype).reshape(shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise RequestError(400, f"{expected}: {error}.") from None
    if not spec.takes(shape):
        raise RequestError(400, f"{expected}. Received: shape {tuple(shape)}.")
    return array


def _flat(value):
    """Returns the leaves of nested lists, the types of the leaves, and the shape."""
    shape, items = [], [value]
    while (kinds := set(map(type, items))) & {list, np.ndarray}:
        if len(shape) == MAX_DIMENSIONS:
            raise ValueError(f"more than {MAX_DIMENSIONS} dimensions")
        if len(kinds) > 1:
            raise ValueError("values and lists are mixed")
        sizes = set(map(len, items))
        if len(sizes) > 1:
            raise ValueError(f"lists of lengths {min(sizes)} and {max(sizes)}")
        shape.append(sizes.pop())
        if np.ndarray in kinds:
            return np.concatenate(items), kinds, shape
        items = list(chain.from_iterable(items))
    return items, kinds, shape


def _leaves(items, kinds, dtype):
    """Returns values, which have the types `kinds`, as an array with one dimension."""
    if np.ndarray in kinds:
        return cast(items, dtype)
    if dtype == STRING:
        return np.array([_bytes(item) for item in items], object)
    kind = np.dtype(dtype).kind
    known = {bool} if kind == "b" else {int} if kind in "iu" else NUMBERS
    if not kinds <= known:
        wrong = next(item for item in items if type(item) not in known)
        raise ValueError(f"{json.dumps(wrong)[:80]} is not of this type")
    if kind in "iu" and items:
        bounds = np.iinfo(dtype)
        for item in (min(items), max(items)):
            if not bounds.min <= item <= bounds.max:
                raise ValueError(f"{item} is out of range")
    return _floats(items, dtype) if dtype in FLOATS else np.array(items, dtype)


def _floats(items, dtype):
    """Returns numbers as an array of floats.

    Raises:
        ValueError: If a number is out of range, or an integer of 64 bits is so large
            that it may lose digits; one of more bits is read as a float.
    """
    array = np.array(items, "float64")
    bits, largest = FLOATS[dtype]
    for index in np.flatnonzero(np.abs(array) >= 1 << bits):
        item = items[index]
        if type(item) is int and -(1 << 63) <= item < 1 << 64:
            raise ValueError(f"{str(item)[:80]} loses digits as {dtype}")
        if type(item) is not Literal and abs(item) > largest:
            raise ValueError(f"{float(item):g} is out of range")
    return array.astype(dtype)


def _bytes(item):
    if isinstance(item, str):
        return encode(item)
    if _is_base64(item):
        try:
            return decode_base64(item["b64"])
        except ValueError as error:
            raise ValueError(f"b64: {error}") from None
    raise ValueError(f"{json.dumps(item)[:80]} is not of this type")


def _plain(name, array):
    """Returns an output as JSON values; base64 if its name ends in `_bytes`."""
    if array.dtype != object:
        return np.ascontiguousarray(array) if array.ndim else array[()]

    def text(value):
        if name.endswith("_bytes"):
            return {"b64": base64.b64encode(value).decode()}
        return value.decode("utf-8", "replace")

    return np.asarray(np.frompyfunc(text, 1, 1)(array), object).tolist()


def _unwrap(outputs):
    """Returns a single output without its name, as TensorFlow Serving does."""
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs
