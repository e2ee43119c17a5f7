"""Types and shapes of inputs and outputs, and TensorFlow Serving's metadata of them."""

from typing import NamedTuple

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
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
METHOD = "tensorflow/serving/predict"


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

    @property
    def has_rows(self):
        """Whether the first dimension is a batch of any size."""
        return bool(self.shape) and self.shape[0] is None

    def takes(self, shape):
        """Returns whether an array of this shape fits."""
        return self.shape is None or (
            len(shape) == len(self.shape)
            and all(a in (None, b) for a, b in zip(self.shape, shape, strict=True))
        )


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


def write_metadata(name, version, signatures):
    """Returns TensorFlow Serving's metadata of a model as a dictionary.

    Args:
        name: Name of the model.
        version: Its version number.
        signatures: `Signature` by name.
    """
    definitions = {
        key: {
            "inputs": _infos(signature.inputs, signature.tensors.get("inputs", {})),
            "outputs": _infos(signature.outputs, signature.tensors.get("outputs", {})),
            "method_name": METHOD,
            "defaults": {},
        }
        for key, signature in signatures.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": definitions}},
    }


def _infos(specs, tensors):
    return {
        name: {
            "name": tensors.get(name, f"{name}:0"),
            "dtype": _NAMES.get(spec.dtype, f"DT_{spec.dtype.upper()}"),
            "tensor_shape": {
                "dim": [
                    {"size": str(-1 if size is None else size), "name": ""}
                    for size in spec.shape or ()
                ],
                "unknown_rank": spec.shape is None,
            },
        }
        for name, spec in specs.items()
    }
