"""Translates TensorFlow's operations into ONNX's, one function for each.

A translation takes the `Writer` and the operation, and returns the name of its output
in the ONNX graph, or a list of names. Integers are int64 in the ONNX graph, as ONNX's
shapes are.
"""

import numpy as np

from apps.common.export.onnx.dtypes import BOOL, INSIDE, INT64, type_of
from apps.common.export.onnx.slices import cuts

_SAME = {
    "AddV2": "Add",
    "BatchMatMulV2": "MatMul",
    "BiasAdd": "Add",
    "Equal": "Equal",
    "Greater": "Greater",
    "Less": "Less",
    "Log": "Log",
    "LogicalAnd": "And",
    "LogicalOr": "Or",
    "Maximum": "Max",
    "Minimum": "Min",
    "Mul": "Mul",
    "Neg": "Neg",
    "RealDiv": "Div",
    "Relu": "Relu",
    "SelectV2": "Where",
    "Sigmoid": "Sigmoid",
    "Softmax": "Softmax",
    "Sqrt": "Sqrt",
    "Sub": "Sub",
    "Tanh": "Tanh",
}
_REDUCED = {
    "Max": "ReduceMax",
    "Mean": "ReduceMean",
    "Prod": "ReduceProd",
    "Sum": "ReduceSum",
}
_translations = {}


def translation_of(kind):
    """Returns the translation of a kind of TensorFlow operations.

    Raises:
        NotImplementedError: If there is none.
    """
    if kind not in _translations:
        raise NotImplementedError(f"the operation {kind}")
    return _translations[kind]


def _translates(*kinds):
    def register(translate):
        _translations.update(dict.fromkeys(kinds, translate))
        return translate

    return register


@_translates(*_SAME)
def _same(writer, op):
    if op.type == "BatchMatMulV2" and (op.get_attr("adj_x") or op.get_attr("adj_y")):
        raise NotImplementedError("a transposed product of batches")
    return writer.node(_SAME[op.type], writer.inputs(op))


@_translates("Identity", "StopGradient")
def _identity(writer, op):
    return writer.inputs(op)[0]


@_translates("NotEqual")
def _not_equal(writer, op):
    return writer.node("Not", [writer.node("Equal", writer.inputs(op))])


@_translates("Square")
def _square(writer, op):
    return writer.node("Mul", writer.inputs(op) * 2)


@_translates("SquaredDifference")
def _squared_difference(writer, op):
    return writer.node("Mul", [writer.node("Sub", writer.inputs(op))] * 2)


@_translates("Rsqrt")
def _rsqrt(writer, op):
    return writer.node("Reciprocal", [writer.node("Sqrt", writer.inputs(op))])


@_translates("Cast")
def _cast(writer, op):
    x, to = (type_of(tensor, INSIDE) for tensor in (op.inputs[0], op.outputs[0]))
    if x == to:
        return writer.inputs(op)[0]
    return writer.node("Cast", writer.inputs(op), to=to)


@_translates(*_REDUCED, "Any", "All")
def _reduced(writer, op):
    x, axes = writer.name(op.inputs[0]), _constant(writer, op.inputs[1])
    keep = int(op.get_attr("keep_dims"))
    axes = [writer.constant(np.atleast_1d(axes).astype("int64"))]
    if op.type in _REDUCED:
        return writer.node(_REDUCED[op.type], [x, *axes], keepdims=keep)
    number = writer.node("Cast", [x], to=INT64)
    kind = "ReduceMax" if op.type == "Any" else "ReduceMin"
    number = writer.node(kind, [number, *axes], keepdims=keep)
    return writer.node("Cast", [number], to=BOOL)


@_translates("MatMul")
def _matmul(writer, op):
    a, b = writer.inputs(op)
    if not op.get_attr("transpose_a") and not op.get_attr("transpose_b"):
        return writer.node("MatMul", [a, b])
    both = {"transA": "transpose_a", "transB": "transpose_b"}
    both = {name: int(op.get_attr(theirs)) for name, theirs in both.items()}
    return writer.node("Gemm", [a, b], **both)


@_translates("Einsum")
def _einsum(writer, op):
    equation = op.get_attr("equation").decode()
    return writer.node("Einsum", writer.inputs(op), equation=equation)


@_translates("Shape")
def _shape(writer, op):
    return writer.node("Shape", writer.inputs(op))


@_translates("Reshape")
def _reshape(writer, op):
    return writer.node("Reshape", writer.inputs(op))


@_translates("Fill")
def _fill(writer, op):
    dims, value = writer.inputs(op)
    return writer.node("Expand", [value, dims])


@_translates("ZerosLike")
def _zeros_like(writer, op):
    zero = writer.constant(np.zeros((), _dtype(op.outputs[0])))
    return writer.node("Expand", [zero, writer.node("Shape", writer.inputs(op))])


@_translates("Range")
def _range(writer, op):
    return writer.node("Range", writer.inputs(op))


@_translates("ExpandDims")
def _expand_dims(writer, op):
    axes = np.atleast_1d(_constant(writer, op.inputs[1])).astype("int64")
    return writer.unsqueezed(writer.name(op.inputs[0]), axes)


@_translates("Squeeze")
def _squeeze(writer, op):
    axes = np.array(op.get_attr("squeeze_dims"), "int64")
    return writer.node("Squeeze", [writer.inputs(op)[0], writer.constant(axes)])


@_translates("Pack")
def _pack(writer, op):
    axis = op.get_attr("axis")
    parts = [writer.unsqueezed(name, [axis]) for name in writer.inputs(op)]
    return writer.node("Concat", parts, axis=axis)


@_translates("Unpack")
def _unpack(writer, op):
    axis = op.get_attr("axis")
    names = writer.inputs(op)
    return [
        writer.node("Gather", [*names, writer.constant(np.int64(n))], axis=axis)
        for n in range(op.get_attr("num"))
    ]


@_translates("ConcatV2")
def _concat(writer, op):
    *parts, axis = op.inputs
    return writer.node(
        "Concat", map(writer.name, parts), axis=int(_constant(writer, axis))
    )


@_translates("Split")
def _split(writer, op):
    axis, x = op.inputs
    number = op.get_attr("num_split")
    axis = int(_constant(writer, axis))
    return writer.node(
        "Split", [writer.name(x)], outputs=number, axis=axis, num_outputs=number
    )


@_translates("GatherV2")
def _gather(writer, op):
    x, indices, axis = op.inputs
    if op.get_attr("batch_dims"):
        raise NotImplementedError("a gather with batch dimensions")
    names = [writer.name(x), writer.name(indices)]
    return writer.node("Gather", names, axis=int(_constant(writer, axis)))


@_translates("Transpose")
def _transpose(writer, op):
    x, order = op.inputs
    return writer.node(
        "Transpose", [writer.name(x)], perm=_constant(writer, order).tolist()
    )


@_translates("ReverseV2")
def _reverse(writer, op):
    x, axes = op.inputs
    (axis,) = _constant(writer, axes).tolist()
    return writer.reversed(writer.name(x), axis % x.shape.rank)


@_translates("Tile")
def _tile(writer, op):
    return writer.node("Tile", writer.inputs(op))


@_translates("Pad", "PadV2")
def _pad(writer, op):
    x, pads, *value = op.inputs
    if (known := writer.value(pads)) is not None:
        pads = writer.constant(known.T.ravel().astype("int64"))
    else:  # the begins, then the ends
        pads = writer.node("Transpose", [writer.name(pads)], perm=[1, 0])
        pads = writer.node("Reshape", [pads, writer.constant(np.array([-1]))])
    return writer.node("Pad", [writer.name(x), pads, *map(writer.name, value)])


@_translates("OneHot")
def _one_hot(writer, op):
    indices, depth, on, off = writer.inputs(op)
    values = [writer.unsqueezed(name, [0]) for name in (off, on)]
    values = writer.node("Concat", values, axis=0)
    if op.inputs[0].shape.rank:
        return writer.node("OneHot", [indices, depth, values], axis=op.get_attr("axis"))
    row = writer.node("OneHot", [writer.unsqueezed(indices, [0]), depth, values])
    return writer.node("Squeeze", [row, writer.constant(np.array([0]))])


@_translates("ScatterNd")
def _scatter(writer, op):
    indices, updates, shape = writer.inputs(op)
    zero = writer.constant(np.zeros((), _dtype(op.outputs[0])))
    zeros = writer.node("Expand", [zero, shape])
    return writer.node("ScatterND", [zeros, indices, updates], reduction="add")


@_translates("StridedSlice")
def _strided_slice(writer, op):
    x, *bounds = op.inputs
    bounds = [_constant(writer, bound).tolist() for bound in bounds]
    slices, dropped, added = cuts(op, x.shape.rank, *bounds)
    name = writer.sliced(writer.name(x), slices)
    if dropped:
        name = writer.node("Squeeze", [name, writer.constant(np.array(dropped))])
    return writer.unsqueezed(name, added) if added else name


def _constant(writer, tensor):
    """Returns the value of a tensor that is known when the graph is written.

    Raises:
        NotImplementedError: If it is not.
    """
    value = writer.value(tensor)
    if value is None:
        raise NotImplementedError(f"{tensor.name}, which is not constant")
    return value


def _dtype(tensor):
    return "int64" if tensor.dtype.is_integer else tensor.dtype.as_numpy_dtype
