"""Converts inputs and outputs of a served model from and to NumPy arrays."""

import base64
from typing import NamedTuple

import numpy as np

STRING = "string"
DTYPES = {
    "DT_HALF": "float16",
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_INT8": "int8",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_UINT8": "uint8",
    "DT_UINT16": "uint16",
    "DT_UINT32": "uint32",
    "DT_UINT64": "uint64",
    "DT_BOOL": "bool",
    "DT_STRING": STRING,
}
KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}  # accepted kinds by dtype kind
NUMBERS = {"f": "numbers", "i": "whole numbers", "u": "whole numbers", "b": "booleans"}


class Spec(NamedTuple):
    """An input or output of a signature.

    Attributes:
        dtype: NumPy's name, or "string" for texts and bytes.
        shape: Sizes of the dimensions, the batch first; None for a dimension of any
            size. None instead of the tuple if the number of dimensions is unknown.
    """

    dtype: str
    shape: tuple | None

    def __str__(self):
        """Returns the form for messages, such as `float32 (?, 2)`."""
        if self.shape is None:
            return f"{self.dtype} of any shape"
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.dtype} ({sizes}{',' if len(self.shape) == 1 else ''})"


def read_metadata(answer):
    """Returns the signatures in TensorFlow Serving's metadata of a model.

    Args:
        answer: GetModelMetadataResponse as a dictionary. Fields with default values may
            be missing.

    Returns:
        For each signature `{"inputs": {name: Spec}, "outputs": {name: Spec}}`.
    """
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    return {
        signature: {
            side: {
                name: _spec(info)
                for name, info in sorted(definition.get(side, {}).items())
            }
            for side in ("inputs", "outputs")
        }
        for signature, definition in sorted(signatures.items())
        if not signature.startswith("__")  # "__saved_model_init_op" is not callable
    }


def _spec(info):
    dtype, shape = info.get("dtype", "DT_INVALID"), info.get("tensor_shape", {})
    sizes = [int(dimension.get("size", 0)) for dimension in shape.get("dim", ())]
    known = tuple(None if size < 0 else size for size in sizes)
    return Spec(DTYPES.get(dtype, dtype), None if shape.get("unknown_rank") else known)


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
