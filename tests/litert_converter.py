"""Converts to LiteRT in this process, which is faster; a small model to convert."""

import contextlib
import io
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.common.export.litert import convert
from apps.common.export.litert.graphs import DeviceGraph
from lstm_layer import LSTM


def in_process(request):
    """Returns what the script that converts writes for a request."""
    stdin, stdout = sys.stdin, io.StringIO()
    sys.stdin = io.StringIO(request)
    try:
        with contextlib.redirect_stdout(stdout):
            convert.main()
    finally:
        sys.stdin = stdin
    return stdout.getvalue(), ""


class Process:
    """Replaces the process that converts; `answer(request)` returns its streams."""

    def __init__(self, answer, returncode):
        self.communicate, self.returncode = answer, returncode


class Counter:
    """A predictor whose cell state counts up or down by about 1 a step."""

    directory, name = Path("none"), "counter"

    def __init__(self):
        self.model = LSTM(3, return_sequences=True)
        self.model.build((1, None, 1))
        noise = [0.1 * np.random.normal(size=w.shape) for w in self.model.get_weights()]
        kernel = np.repeat([[0.0, 0.0, 4.0, 0.0]], 3, axis=1)
        bias = np.repeat([4.0, 6.0, 0.0, 4.0], 3)
        weights = zip(noise, (kernel, 0.0, bias), strict=True)
        self.model.set_weights([sum(pair) for pair in weights])

    def graphs(self):
        spec = tf.TensorSpec([None, None, 1], name="features")

        @tf.function(autograph=False, input_signature=[spec])
        def counter(features):
            return {"logits": self.model(features)}

        return {"counter": counter}

    def device_graphs(self):
        return {"count": DeviceGraph("counter", "logits", 1)}

    def settings(self):
        return {}
