"""The ONNX writer gives graphs that compute what the traced function computes."""

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from apps.common.export.onnx.lstm import GATES
from apps.common.export.onnx.writer import onnx_model
from apps.common.layers.pooling import MaskedPooling
from lstm_layer import LSTM, LSTMCell
from lstm_layer.gates import NAMES, record_gates
from tests.edited_cells import NoInputGate

X = [tf.TensorSpec([None, None, 3], name="x")]
LENGTHS = (4, 1, 7)


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(len(LENGTHS), max(LENGTHS), 3)).astype("float32")
    for row, length in zip(x, LENGTHS, strict=True):
        row[length:] = 0
    return x


def function_of(compute):
    """Returns a fresh `tf.function` of `x` with the output `y`."""

    @tf.function(autograph=False, input_signature=X)
    def function(x):
        return {"y": compute(x)}

    return function


def session_of(model):
    return onnxruntime.InferenceSession(model.SerializeToString())


def run(compute, x, record=False):
    """Returns the outputs of the ONNX graph of a function by name."""
    session = session_of(onnx_model(function_of(compute), "graph"))
    feed = {"x": x}
    if "record" in [each.name for each in session.get_inputs()]:
        feed["record"] = np.array(record)
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, feed), strict=True))


def mask_of(x):
    return tf.reduce_any(tf.not_equal(x, 0.0), axis=-1)


def randomized(layer):
    """Builds a layer and gives it random weights, so that no two blocks are alike."""
    layer.build((None, None, 3))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
def test_an_lstm_is_one_operation_with_the_same_outputs(
    x, masked, backwards, sequences
):
    layer = randomized(LSTM(5, return_sequences=sequences, go_backwards=backwards))

    def compute(x):
        y = layer(x, mask=mask_of(x) if masked else None)
        if not (masked and sequences):
            return y
        mask = mask_of(x)[:, ::-1] if backwards else mask_of(x)
        return tf.where(mask[..., None], y, 0.0)  # a masked step repeats an output

    model = onnx_model(function_of(compute), "graph")
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("LSTM") == 1
    assert "Loop" not in kinds
    expected = compute(tf.constant(x)).numpy()
    np.testing.assert_allclose(run(compute, x)["y"], expected, atol=1e-6)


def test_a_bidirectional_layer_is_two_operations_that_are_not_reversed_twice(x):
    layer = randomized(keras.layers.Bidirectional(LSTM(5, return_sequences=True)))
    model = onnx_model(function_of(layer), "graph")
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("LSTM") == 2
    slices = [node for node in model.graph.node if node.op_type == "Slice"]
    assert not any("Transpose" in node.input[0] for node in slices)
    np.testing.assert_allclose(run(layer, x)["y"], layer(x), atol=1e-6)


def test_a_layer_without_bias_has_none(x):
    layer = randomized(LSTM(5, use_bias=False))
    np.testing.assert_allclose(run(layer, x)["y"], layer(x), atol=1e-6)


def test_the_state_is_taken_and_returned(x):
    layer = randomized(LSTM(5, return_state=True))
    h, c = np.random.default_rng(2).normal(size=(2, 3, 5)).astype("float32")

    def compute(x):
        return tf.concat(layer(x, initial_state=[h, c]), axis=-1)

    np.testing.assert_allclose(run(compute, x)["y"], compute(x), atol=1e-6)


@pytest.mark.parametrize("backwards", [False, True])
def test_the_gates_are_those_that_are_recorded(x, backwards):
    layer = randomized(
        LSTM(5, return_sequences=True, go_backwards=backwards, name="memory")
    )

    def compute(x):
        return layer(x, mask=mask_of(x))

    _, expected = record_gates(lambda: compute(tf.constant(x)))
    recorded = run(compute, x, record=True)["memory_gates"]
    mask = mask_of(x).numpy()
    for name, values in zip(NAMES, np.split(recorded, GATES, axis=-1), strict=True):
        wanted = getattr(expected["memory"], name).numpy()
        np.testing.assert_allclose(values[mask], wanted[mask], atol=1e-6)


def test_the_gates_are_computed_on_request_only(x):
    layer = randomized(LSTM(5, name="memory"))
    assert run(layer, x)["memory_gates"].size == 0


def test_a_layer_that_is_called_twice_has_two_outputs_of_gates(x):
    layer = randomized(LSTM(3, return_sequences=True, name="memory"))
    outputs = run(lambda x: layer(layer(x)), x, record=True)
    assert set(outputs) == {"y", "memory_gates", "memory_2_gates"}
    assert not np.allclose(outputs["memory_gates"], outputs["memory_2_gates"])


@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_pooling_is_translated(x, pooling):
    layer = randomized(MaskedPooling(pooling))

    def compute(x):
        return layer(x, mask=mask_of(x))

    np.testing.assert_allclose(run(compute, x)["y"], compute(x), atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*lstm_step was changed")
def test_an_edited_step_is_refused_by_the_layers_name(x, edit_step):
    layer = randomized(LSTM(5, name="memory"))
    onnx_model(function_of(layer), "graph")
    edit_step()
    with pytest.raises(ValueError, match=r"memory: .*lstm_layer/step.py"):
        onnx_model(function_of(layer), "graph")


@pytest.mark.parametrize(
    "other",
    [NoInputGate(5), LSTMCell(5, activation="relu")],
    ids=["subclass", "activation"],
)
def test_another_cell_is_refused(other):
    layer = randomized(LSTM(cell=other, name="memory"))
    with pytest.raises(ValueError, match=r"memory: .*another cell"):
        onnx_model(function_of(layer), "graph")


def test_an_operation_without_translation_is_refused_by_name():
    with pytest.raises(ValueError, match=r"the operation Asinh. Add it to"):
        onnx_model(function_of(tf.asinh), "graph")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("place", ["inside", "output", "input"])
def test_another_type_than_the_graphs_have_is_refused_in_a_line(dtype, place):
    functions = {
        "inside": function_of(lambda x: tf.cast(tf.cast(x, dtype), "float32")),
        "output": function_of(lambda x: tf.zeros([tf.shape(x)[0]], dtype)),
        "input": tf.function(
            lambda x: {"y": x}, [tf.TensorSpec([None], dtype, name="x")]
        ),
    }
    message = f": expected bool, int32 or float32. Received: {dtype}. Compute it in flo"
    with pytest.raises(ValueError, match=message) as caught:
        onnx_model(functions[place], "graph")
    assert "\n" not in str(caught.value)


OPERATIONS = {
    "a slice of each kind": lambda x: x[1:, ..., :-1][..., tf.newaxis, 0],
    "a slice from the end": lambda x: x[:, -3::2],
    "a slice in reverse": lambda x: x[:, ::-1],
    "a row": lambda x: x[-1],
    "any": lambda x: tf.cast(tf.reduce_any(x > 0, axis=1), "float32"),
    "all": lambda x: tf.cast(tf.reduce_all(x > 0, axis=1, keepdims=True), "float32"),
    "product": lambda x: tf.reduce_prod(x, axis=[0, 2]),
    "mean and deviation": lambda x: tf.stack(tf.nn.moments(x, 1), axis=1),
    "norm": lambda x: (
        x * tf.math.rsqrt(tf.reduce_sum(tf.square(x), -1, keepdims=True) + 1.0)
    ),
    "one-hot": lambda x: tf.one_hot(
        tf.cast(tf.square(x), "int32"), tf.shape(x)[1], 2.0, 1.0
    ),
    "scalar one-hot": lambda x: x + tf.one_hot(tf.shape(x)[0] - 2, 3),
    "scatter": lambda x: tf.scatter_nd([[1], [1]], x[0, :2], [4, 3]),
    "tile": lambda x: tf.tile(x, [1, 2, 1]),
    "pad": lambda x: tf.pad(x, [[0, 0], [0, tf.shape(x)[0]], [1, 2]]),
    "pad with a value": lambda x: tf.pad(
        x, [[0, 0], [1, 0], [0, 0]], constant_values=7.0
    ),
    "repeat": lambda x: tf.repeat(x, 2, axis=0),
    "range": lambda x: x + tf.cast(tf.range(tf.shape(x)[1])[:, tf.newaxis], "float32"),
    "transposed product": lambda x: tf.matmul(x[0], x[1], transpose_b=True),
    "einsum": lambda x: tf.einsum("btf,bsf->bts", x, x),
    "split": lambda x: tf.split(x, 3, axis=-1)[1],
    "squeeze": lambda x: tf.squeeze(x[..., :1], axis=-1),
    "softmax over time": lambda x: tf.nn.softmax(x, axis=1),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_translated(x, name):
    compute = OPERATIONS[name]
    expected = tf.function(compute, autograph=False)(tf.constant(x)).numpy()
    actual = run(compute, x)["y"]
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, atol=1e-6)
