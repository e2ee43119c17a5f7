"""Maps TensorFlow's types to ONNX's."""

BOOL, FLOAT, INT32, INT64 = 9, 1, 6, 7  # onnx.TensorProto
OUTSIDE = {"bool": BOOL, "float32": FLOAT, "int32": INT32}  # of inputs and outputs
INSIDE = {**OUTSIDE, "int32": INT64, "int64": INT64}  # as ONNX's shapes are


def type_of(tensor, types):
    """Returns ONNX's type of a tensor.

    Args:
        tensor: A TensorFlow tensor.
        types: `OUTSIDE` or `INSIDE`.

    Raises:
        ValueError: If it has none, as half precision.
    """
    if tensor.dtype.name not in types:
        raise ValueError(
            f"{tensor.op.name}: expected bool, int32 or float32. Received: "
            f"{tensor.dtype.name}. Compute it in float32."
        )
    return types[tensor.dtype.name]
