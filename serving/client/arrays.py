"""Converts inputs and outputs of a served model from and to NumPy arrays."""

import base64

import numpy as np

from serving.specs import DTYPES, STRING

KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}  # accepted kinds by dtype kind
NUMBERS = {"f": "numbers", "i": "whole numbers", "u": "whole numbers", "b": "booleans"}


def check_inputs(inputs, specs, call_name):
    """Converts inputs to the arrays that a signature takes.

    Args:
        inputs: Values that NumPy can convert to arrays, by input name. Texts may be str
            or bytes.
        specs: The signature's inputs, `Spec` by name.
        call_name: Name of the model and signature in messages.

    Returns:
        Arrays by name; texts are object arrays that hold the given str or bytes.

    Raises:
        ValueError: If an input is missing or unknown, or has the wrong type or shape.
    """
    missing = ", ".join(name for name in specs if name not in inputs)
    unknown = ", ".join(str(name) for name in inputs if name not in specs)
    if missing or unknown:
        known = ", ".join(f"{name}: {spec}" for name, spec in specs.items())
        wrong = [f"{missing} missing"] if missing else []
        wrong += [f"{unknown} unknown"] if unknown else []
        raise ValueError(
            f"{call_name}: expected the inputs {known}. Received: "
            f"{', '.join(map(str, inputs)) or 'none'} ({', '.join(wrong)}). Give "
            "exactly the expected inputs."
        )
    return {
        name: _check(inputs[name], spec, f"{call_name}: input {name}: expected {spec}.")
        for name, spec in specs.items()
    }


def _check(value, spec, expected):
    array = _texts(value, expected) if spec.dtype == STRING else None
    array = _numbers(value, spec, expected) if array is None else array
    if spec.shape is None:
        return array
    pairs = zip(spec.shape, array.shape, strict=False)
    if array.ndim == len(spec.shape) and all(a in (None, b) for a, b in pairs):
        return array
    advice = "Give arrays of these dimensions."
    if array.ndim == len(spec.shape) - 1:
        advice = "The first dimension is the batch: put the value into a list."
    received = f"shape {array.shape}" if array.shape else "a single value"
    raise ValueError(f"{expected} Received: {received}. {advice}")


def _texts(value, expected):
    try:  # not NumPy's own strings: they lose trailing null characters
        array = np.array(value, dtype=object)
    except ValueError:
        array = np.array(None)
    for leaf in array.flat:
        if not isinstance(leaf, str | bytes):
            name = "rows of differing lengths" if isinstance(leaf, list) else repr(leaf)
            raise ValueError(f"{expected} Received: {name[:80]}. Give str or bytes.")
        if isinstance(leaf, str) and not _is_unicode(leaf):
            raise ValueError(
                f"{expected} Received: {leaf[:80]!a}, which contains an unpaired "
                "surrogate. Give text that UTF-8 can encode, or bytes."
            )
    return array


def _is_unicode(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _numbers(value, spec, expected):
    if spec.dtype not in DTYPES.values():
        raise ValueError(f"{expected} This client cannot send that type.")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{expected} Received: rows of differing lengths. Pad them to one length."
        ) from None
    dtype = np.dtype(spec.dtype)
    advice = f"Give {NUMBERS[dtype.kind]}."
    if array.size and array.dtype.kind not in KINDS[dtype.kind]:
        example = repr(array.flat[0].item() if array.dtype != object else value)
        name = f"{array.dtype}, as {example[:80]}"
        raise ValueError(f"{expected} Received: {name}. {advice}")
    if array.size and dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        lowest, highest = int(array.min()), int(array.max())
        if lowest < bounds.min or highest > bounds.max:
            wrong = lowest if lowest < bounds.min else highest
            raise ValueError(
                f"{expected} Received: {wrong}. Give whole numbers from {bounds.min} "
                f"to {bounds.max}."
            )
    try:
        with np.errstate(over="raise"):
            return array.astype(dtype)
    except FloatingPointError:
        raise ValueError(
            f"{expected} Received: a number beyond {np.finfo(dtype).max:.3g}. {advice}"
        ) from None


def read_output(name, value, spec):
    """Returns an output as an array.

    Args:
        name: Name of the output. If it ends in `_bytes`, texts are bytes, else str.
        value: An array, or nested lists from JSON, in which `{"b64": ...}` stands for
            bytes.
        spec: The output's `Spec`. JSON has no dtypes, and no dimensions after an empty
            one.

    Raises:
        ValueError: If the value has another type, or its texts are not UTF-8.
    """
    if spec.dtype == STRING:
        value = np.asarray(np.frompyfunc(_text, 1, 1)(np.array(value, object)), object)
        if not name.endswith("_bytes"):
            value = np.asarray(np.frompyfunc(_decode, 1, 1)(value), object)
    array = np.asarray(value, object if spec.dtype == STRING else spec.dtype)
    if not array.size and array.ndim < len(spec.shape or ()):
        rest = [size or 0 for size in spec.shape[array.ndim :]]
        array = array.reshape([*array.shape, *rest])
    return array


def _text(leaf):
    return base64.b64decode(leaf["b64"]) if isinstance(leaf, dict) else leaf


def _decode(leaf):
    return leaf.decode("utf-8") if isinstance(leaf, bytes) else leaf


def plain(leaf):
    """Encodes bytes for TensorFlow Serving's JSON; a `default` function of `json`."""
    if isinstance(leaf, bytes):
        return {"b64": base64.b64encode(leaf).decode()}
    raise TypeError(f"{type(leaf).__name__} cannot be written as JSON.")
