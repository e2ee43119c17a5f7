"""Marks the loop of each LSTM in a traced graph, for writers of other formats.

While `marked()` is active, a layer calls a `tf.function` with the attribute
`api_implements` instead of its fast loop. ONNX has an operation for such a call, and so
has LiteRT, whose converter looks for this attribute.
"""

import uuid
from contextlib import contextmanager
from contextvars import ContextVar

import keras
import tensorflow as tf
from keras import ops

from lstm_layer.schedule import lstm_sequence

ATTRIBUTE, PREFIX = "api_implements", "lstm_"
NAME = r".*_marked_(.+)_[0-9]+"  # of a marked function; the group is the layer's name
BACKWARDS = "go_backwards"
_marks = ContextVar("how layers are marked", default=None)


@contextmanager
def marked(masks=True):
    """Marks the layers that are traced in the `with` block.

    Args:
        masks: Whether a marked call takes the mask, if its layer has one; without it,
            the graph is for one sequence without padding.
    """
    token = _marks.set(masks)
    filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()  # it adds many lines to a message
    try:
        yield
    finally:
        if filtering:
            keras.config.enable_traceback_filtering()
        _marks.reset(token)


def is_marking():
    """Returns whether `marked` is active."""
    return _marks.get() is not None


def marked_loop(layer, sequences, initial_state, mask):
    """Calls the marked function of a layer; returns what `LSTM.inner_loop` returns.

    The function takes x `(batch, timesteps, features)`, h and C before the first step,
    kernel, recurrent kernel, bias and, if there is one, the mask `(batch, timesteps)`.
    It returns the last output, all outputs in the order of computation, and h and C
    after the last step.

    Raises:
        ValueError: If the layer computes another cell than the textbook's.
    """
    if not layer.uses_kernel:
        raise ValueError(
            f"{layer.name}: expected an `LSTMCell` with tanh, sigmoid and the "
            "equations of lstm_layer/step.py. Received: another cell, for which "
            "neither ONNX nor LiteRT has an operation."
        )
    cell, backwards = layer.cell, layer.go_backwards
    bias = cell.bias if cell.use_bias else ops.zeros(4 * cell.units)
    arguments = [sequences, *initial_state, cell.kernel, cell.recurrent_kernel, bias]
    if mask is not None and _marks.get():
        arguments.append(mask)

    def lstm(x, h_0, c_0, kernel, recurrent_kernel, bias, mask=None):
        if backwards:
            x = ops.flip(x, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        outputs, h, c = lstm_sequence(
            x, kernel, recurrent_kernel, bias, h_0, c_0, mask, None, False, False
        )
        return h, outputs, h, c, tf.constant(0.0)

    lstm.__name__ = f"marked_{layer.name}"
    lstm = tf.function(
        lstm,
        autograph=False,
        experimental_attributes={
            ATTRIBUTE: f"{PREFIX}{uuid.uuid4()}",
            "api_preferred_device": "CPU",
            "time_major": False,
            BACKWARDS: backwards,
        },
    )
    _, outputs, h, c, _ = lstm(*map(tf.convert_to_tensor, arguments))
    # LiteRT's operation returns the outputs alone; ONNX's has zeros at padding.
    return (h if _marks.get() else outputs[:, -1]), outputs, [h, c]
