"""Writes a traced TensorFlow graph as an ONNX model."""

import numpy as np
import onnx
import tensorflow as tf
from onnx import helper, numpy_helper

from apps.common.export.onnx.dtypes import OUTSIDE, type_of
from apps.common.export.onnx.lstm import GATES, RECORD, is_marked, write_lstm
from apps.common.export.onnx.operations import translation_of
from apps.common.export.onnx.slices import FAR
from lstm_layer.mark import marked

OPSET = 21
IR_VERSION = 10  # of the file; the newest that goes with this opset
# What `tf.get_static_value` leaves of the order of a transposition.
FOLDED = {
    "Pack": lambda *values: np.stack(values),
    "ConcatV2": lambda *values: np.concatenate(values[:-1], values[-1]),
    "Range": np.arange,
    "Sub": np.subtract,
}


class Writer:
    """Collects the nodes and the constants of an ONNX graph.

    Attributes:
        nodes: Nodes in the order of computation.
        constants: Constants and weights, arrays by name.
        gates: Name of the output with the gates, and number of units, by layer.
    """

    def __init__(self, weights=None, prefix=""):
        """Begins a graph.

        Args:
            weights: Values of the variables that the graph reads, by tensor.
            prefix: Prefix of the names of a branch.
        """
        self.nodes, self.constants, self.gates = [], {}, {}
        self._weights, self._prefix = weights or {}, prefix
        self._names, self._known, self._count, self._branches = {}, {}, 0, 0

    def inner(self):
        """Returns the writer of a branch, which may read this graph's tensors."""
        self._branches += 1
        return Writer(prefix=f"{self._prefix}branch_{self._branches}_")

    def graph(self, name, output):
        """Returns the graph of a branch with one output."""
        info = helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)
        return helper.make_graph(self.nodes, name, [], [info], self.initializers())

    def initializers(self, nodes=None):
        """Returns the constants and the weights that nodes read as ONNX tensors."""
        names = set().union(*map(_read_by, self.nodes if nodes is None else nodes))
        return [
            numpy_helper.from_array(array, name)
            for name, array in self.constants.items()
            if name in names
        ]

    def unique(self, kind):
        """Returns a new name for an output of a kind of node."""
        self._count += 1
        return f"{self._prefix}{kind}_{self._count}"

    def node(self, kind, inputs, outputs=1, **attributes):
        """Appends a node; returns the name of its output, or a list of names.

        Equal nodes are written once.
        """
        inputs = list(inputs)
        key = (kind, *inputs, str(sorted(attributes.items())))
        if key in self._known:
            return self._known[key]
        names = [self.unique(kind) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        self._known[key] = names if outputs > 1 else names[0]
        return self._known[key]

    def constant(self, array):
        """Returns the name of a constant; equal ones are stored once."""
        array = np.asarray(array)
        if array.dtype == np.int32:
            array = array.astype("int64")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            name = self._known[key] = self.unique("constant")
            self.constants[name] = array
        return self._known[key]

    def unsqueezed(self, name, axes):
        """Returns the name of a tensor with further axes of size 1."""
        return self.node("Unsqueeze", [name, self.constant(np.array(axes, "int64"))])

    def sliced(self, name, slices):
        """Returns the name of a slice.

        Args:
            name: Name of a tensor.
            slices: `(axis, first, end, step)` of each axis that is cut.
        """
        if not slices:
            return name
        axes, first, end, step = np.array(slices, "int64").T
        bounds = [self.constant(part) for part in (first, end, axes, step)]
        return self.node("Slice", [name, *bounds])

    def reversed(self, name, axis):
        """Returns the name of a tensor in reverse; twice is the tensor itself."""
        key = ("reversed", name, axis)
        if key not in self._known:
            other = self.sliced(name, [(axis, FAR, -FAR, -1)])
            self._known[key] = other
            self._known["reversed", other, axis] = name
        return self._known[key]

    def inputs(self, op):
        """Returns the names of an operation's inputs."""
        return [self.name(tensor) for tensor in op.inputs]

    def value(self, tensor):
        """Returns the value of a weight or a constant, or None if it is computed."""
        op = tensor.op
        if op.type == "ReadVariableOp":
            return self._weights[op.inputs[0].ref()]
        if (value := tf.get_static_value(tensor)) is None and op.type in FOLDED:
            values = [self.value(each) for each in op.inputs]
            if all(each is not None for each in values):
                return FOLDED[op.type](*values)
        return value

    def take(self, tensor, name):
        """Declares a tensor as the input `name`; integers become int64."""
        if tensor.dtype == tf.int32:
            name = self.node("Cast", [name], to=onnx.TensorProto.INT64)
        self._names[tensor.ref()] = name

    def give(self, tensor, name):
        """Declares a tensor as the output `name`."""
        to = type_of(tensor, OUTSIDE)
        self.nodes.append(helper.make_node("Cast", [self.name(tensor)], [name], to=to))

    def name(self, tensor):
        """Returns the name of a TensorFlow tensor, and writes what it needs.

        Raises:
            ValueError: If ONNX has no operation for one of TensorFlow's.
        """
        if tensor.ref() not in self._names:
            if (value := self.value(tensor)) is not None:
                return self.constant(value)
            for op in self._needed(tensor):
                self._write(op)
        return self._names[tensor.ref()]

    def _needed(self, tensor):
        """Returns the operations that a tensor needs, those not written yet."""
        ops, seen, waiting = [], set(), [(tensor, False)]
        while waiting:
            tensor, is_ready = waiting.pop()
            op = tensor.op
            if is_ready:
                ops.append(op)
            elif (
                op.name not in seen
                and tensor.ref() not in self._names
                and self.value(tensor) is None
            ):
                seen.add(op.name)
                waiting.append((tensor, True))
                waiting += [(each, False) for each in op.inputs]
        return ops

    def _write(self, op):
        if is_marked(op):
            names = write_lstm(self, op)
        else:
            try:
                names = translation_of(op.type)(self, op)
            except NotImplementedError as error:
                raise ValueError(
                    f"{op.name}: expected an operation that ONNX has. Received: "
                    f"{error}. Add it to apps/common/export/onnx/operations.py."
                ) from None
        names = [names] if isinstance(names, str) else names
        for tensor, name in zip(op.outputs, names, strict=True):
            self._names[tensor.ref()] = name


def onnx_model(function, name):
    """Returns a `tf.function` as an ONNX model, with its LSTMs as single operations.

    A graph with LSTMs has the input `record`, a bool: if it is true, the outputs
    `LAYER_gates` have f, i, C~, C, o and h of each layer side by side, `(batch,
    timesteps, 6 * units)`, in the order of the sequence; else they are empty.

    Args:
        function: A `tf.function` with an input signature, not traced yet, that returns
            a dictionary of tensors.
        name: Name of the graph.

    Raises:
        ValueError: If a cell or an operation has no counterpart in ONNX.
    """
    with marked():
        traced = function.get_concrete_function()
    graph = traced.graph
    variables = {variable.handle.ref(): variable for variable in graph.variables}
    writer = Writer(
        {
            inner.ref(): variables[outer.ref()].numpy()
            for outer, inner in graph.captures
            if inner.dtype == tf.resource
        }
    )
    captured = {inner.ref() for _, inner in graph.captures}
    arguments = [t for t in graph.inputs if t.ref() not in captured]
    for tensor in arguments:
        writer.take(tensor, tensor.op.name)
    inputs = [_declared(tensor.op.name, tensor) for tensor in arguments]
    outputs = []
    for key, tensor in traced.structured_outputs.items():
        writer.give(tensor, key)
        outputs.append(_declared(key, tensor))
    if writer.gates:
        inputs.append(helper.make_tensor_value_info(RECORD, onnx.TensorProto.BOOL, []))
    for gates, units in writer.gates.values():
        shape = [None, None, GATES * units]
        info = helper.make_tensor_value_info(gates, onnx.TensorProto.FLOAT, shape)
        outputs.append(info)
    nodes = needed(writer.nodes, outputs)
    model = helper.make_model(
        helper.make_graph(nodes, name, inputs, outputs, writer.initializers(nodes)),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="Carousel",
    )
    onnx.checker.check_model(model)
    return model


def needed(nodes, outputs):
    """Returns the nodes that the outputs need, in the same order."""
    names, kept = {output.name for output in outputs}, []
    for node in reversed(nodes):
        if names & set(node.output):
            kept.append(node)
            names |= _read_by(node)
    return kept[::-1]


def _read_by(node):
    """Returns the names that a node and its branches read."""
    names = set(node.input)
    for attribute in node.attribute:
        for inner in attribute.g.node:
            names |= _read_by(inner)
    return names


def _declared(name, tensor):
    shape = tensor.shape.as_list()
    return helper.make_tensor_value_info(name, type_of(tensor, OUTSIDE), shape)
