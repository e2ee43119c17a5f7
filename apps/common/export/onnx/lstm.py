"""Writes the marked call of an LSTM layer as ONNX's operation, with its gates."""

import re

import numpy as np
import onnx
from onnx import helper

from apps.common.export.onnx.slices import FAR
from lstm_layer.mark import ATTRIBUTE, BACKWARDS, NAME, PREFIX
from lstm_layer.step import BLOCKS

RECORD = "record"  # input of a graph with LSTMs: whether the gates are computed as well
ORDER = (0, 3, 1, 2)  # ONNX packs i, o, f, C~; we pack i, f, C~, o
GATES = 6  # f, i, C~, C, o, h


def is_marked(op):
    """Returns whether an operation calls the marked function of a layer."""
    if op.type not in ("PartitionedCall", "StatefulPartitionedCall"):
        return False
    attributes = _function(op).attr
    return attributes[ATTRIBUTE].s.decode().startswith(PREFIX)


def _function(op):
    name = op.get_attr("f").name
    return op.graph._get_function(name).cached_definition


def write_lstm(writer, op):
    """Writes an `LSTM` node; returns the names of the outputs of the marked call.

    Padded outputs are 0 here, where the layer repeats the last one.
    """
    x, h_0, c_0, *weights = op.inputs[:6]
    kernel, recurrent_kernel, bias = (writer.value(tensor) for tensor in weights)
    units = len(recurrent_kernel)
    backwards = _function(op).attr[BACKWARDS].b
    masks = [writer.name(tensor) for tensor in op.inputs[6:]]
    x = writer.name(x)
    states = [writer.name(state) for state in (h_0, c_0)]
    weights = [
        writer.constant(_packed(kernel)),
        writer.constant(_packed(recurrent_kernel)),
        writer.constant(np.concatenate([_packed(bias), 0 * _packed(bias)], axis=1)),
    ]
    y, h, c = writer.node(
        "LSTM",
        [
            writer.node("Transpose", [x], perm=[1, 0, 2]),
            *weights,
            _lengths(writer, *masks) if masks else "",
            *(writer.unsqueezed(state, [0]) for state in states),
        ],
        outputs=3,
        hidden_size=units,
        direction="reverse" if backwards else "forward",
    )
    axis = writer.constant(np.array([1]))
    y = writer.node("Squeeze", [y, axis])
    y = writer.node("Transpose", [y], perm=[1, 0, 2])
    h, c = (writer.node("Squeeze", [s, writer.constant(np.array([0]))]) for s in (h, c))
    layer = _unused(re.sub(NAME, r"\1", op.get_attr("f").name), writer.gates)
    writer.gates[layer] = (
        _write_gates(writer, x, y, states, weights, masks, backwards, f"{layer}_gates"),
        units,
    )
    return [h, writer.reversed(y, 1) if backwards else y, h, c, h]


def _unused(layer, names):
    """Returns the name of a layer, with a number from its second call on."""
    name, number = layer, 2
    while name in names:
        name, number = f"{layer}_{number}", number + 1
    return name


def _packed(array):
    """Returns weights as ONNX has them: `(1, 4 * units, ...)`, packed i, o, f, C~."""
    blocks = np.split(array.T, BLOCKS)
    return np.concatenate([blocks[n] for n in ORDER])[np.newaxis]


def _lengths(writer, mask):
    number = writer.node("Cast", [mask], to=onnx.TensorProto.INT32)
    axes = writer.constant(np.array([1]))
    return writer.node("ReduceSum", [number, axes], keepdims=0)


def _write_gates(writer, x, y, states, weights, masks, backwards, name):
    """Writes an `If` whose output has the gates of each timestep; returns its name.

    The sums of all timesteps are one product of x and of the h before; the cell state
    is a loop, since the operation `LSTM` returns the last one only.
    """
    then = writer.inner()
    h_0, c_0 = states
    before = then.unsqueezed(h_0, [1])
    if backwards:
        parts = [then.sliced(y, [(1, 1, FAR, 1)]), before]
    else:
        parts = [before, then.sliced(y, [(1, 0, -1, 1)])]
    before = then.node("Concat", parts, axis=1)
    z = None
    axis = then.constant(np.array([0]))
    for array, weight in ((x, weights[0]), (before, weights[1])):
        weight = then.node("Squeeze", [weight, axis])
        weight = then.node("Transpose", [weight], perm=[1, 0])
        product = then.node("MatMul", [array, weight])
        z = then.node("Add", [z, product]) if z else product
    sums = writer.constants[weights[1]].shape[1]
    bias = then.sliced(weights[2], [(1, 0, sums, 1)])
    z = then.node("Add", [z, bias])
    z_i, z_o, z_f, z_c = then.node("Split", [z], outputs=4, axis=-1, num_outputs=4)
    i, o, f = (then.node("Sigmoid", [one]) for one in (z_i, z_o, z_f))
    c_tilde = then.node("Tanh", [z_c])
    written = then.node("Mul", [i, c_tilde])
    if masks:  # a layer that reads from the end meets padding first
        real = then.node("Cast", masks, to=onnx.TensorProto.FLOAT)
        written = then.node("Mul", [written, then.unsqueezed(real, [-1])])
    _, c = then.node(
        "Scan",
        [c_0, f, written],
        outputs=2,
        body=_cell_state(name),
        num_scan_inputs=2,
        scan_input_axes=[1, 1],
        scan_output_axes=[1],
        scan_input_directions=[int(backwards)] * 2,
        scan_output_directions=[int(backwards)],
    )
    gates = then.node("Concat", [f, i, c_tilde, c, o, y], axis=-1)
    no_gates = writer.inner()
    shape = no_gates.constant(np.array([0, 0, GATES * sums // BLOCKS]))
    nothing = no_gates.node("ConstantOfShape", [shape])
    writer.nodes.append(
        helper.make_node(
            "If",
            [RECORD],
            [name],
            then_branch=then.graph("recorded", gates),
            else_branch=no_gates.graph("not_recorded", nothing),
        )
    )
    return name


def _cell_state(prefix):
    """Returns the body of the loop: C_t = f_t C_{t-1} + i_t C~_t."""
    names = ("c_before", "f", "written", "kept", "c", "state")
    c_before, f, written, kept, c, state = (f"{prefix}_{name}" for name in names)

    def tensors(*names):
        float32 = onnx.TensorProto.FLOAT
        return [helper.make_tensor_value_info(name, float32, None) for name in names]

    nodes = [
        helper.make_node("Mul", [f, c_before], [kept]),
        helper.make_node("Add", [kept, written], [c]),
        helper.make_node("Identity", [c], [state]),
    ]
    inputs, outputs = tensors(c_before, f, written), tensors(c, state)
    return helper.make_graph(nodes, "cell_state", inputs, outputs)
