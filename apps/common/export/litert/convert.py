"""Converts the signatures of a SavedModel to LiteRT files.

A script for a fresh process: a graph that cannot be quantized can end the process that
converts it, or the one that loads the file. It reads JSON from standard input:
`saved_model`, a path; `calibration`, the path of an .npz file with inputs, or null; and
`jobs`, each with `file`, `signature`, `quantization` and `timesteps`. After each job it
prints `[file, error]` as JSON; the error is null or a line.
"""

import functools
import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

DYNAMIC, INT8 = "dynamic", "int8"
CELL_STATE = 19  # of an LSTM's inputs
# A step of the int16 cell state: LiteRT's tanh takes -64 to 64, and is wrong beyond.
COARSEST = 2.0**-9


def main():
    """Converts what standard input asks for."""
    import numpy as np
    import tensorflow as tf
    from tensorflow.lite.python.optimize import calibrator

    request = json.load(sys.stdin)
    inputs = []
    if request["calibration"]:
        with np.load(request["calibration"]) as arrays:
            inputs = [arrays[name] for name in arrays.files]
    as_written = calibrator.Calibrator
    calibrator.Calibrator = lambda content, *rest: as_written(
        _corrected(content), *rest
    )
    for job in request["jobs"]:
        converter = tf.lite.TFLiteConverter.from_saved_model(
            request["saved_model"], signature_keys=[job["signature"]]
        )
        if job["quantization"] in (DYNAMIC, INT8):
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if job["quantization"] == INT8:
            calls = functools.partial(_calls, inputs, job["timesteps"])
            converter.representative_dataset = calls
            only_int8 = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.target_spec.supported_ops = only_int8
        error = None
        try:
            content = _corrected(converter.convert())
            _load(content)
            Path(job["file"]).write_bytes(content)
        except Exception as raised:  # of the converter's own types
            error = next(iter(str(raised).strip().splitlines()), type(raised).__name__)
        print(json.dumps([job["file"], error]), flush=True)
    calibrator.Calibrator = as_written


def _corrected(content):
    """Returns a file whose LSTMs compute what the model does.

    TensorFlow's converter has each clip the cell state to -10 to 10, which the model
    does not do. In int8 the cell state has the range that calibration saw. A cell that
    counts through all clips exceeds what LiteRT's tanh takes. It is kept at 64, whose
    tanh is 1 as that of any larger state.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(content)
    for graph in model.subgraphs:
        for operation in graph.operators:
            if hasattr(operation.builtinOptions, "cellClip"):
                operation.builtinOptions.cellClip = 0.0
                state = graph.tensors[operation.inputs[CELL_STATE]].quantization
                if state is not None and state.scale is not None:
                    state.scale = [min(scale, COARSEST) for scale in state.scale]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _load(content):
    """Loads a file and calls it once: one that crashes does so in this process."""
    import numpy as np
    from ai_edge_litert import interpreter as litert

    resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = litert.Interpreter(
        model_content=content,
        experimental_op_resolver_type=resolver,
    )
    interpreter.allocate_tensors()
    (details,) = interpreter.get_input_details()
    zeros = np.zeros(details["shape"], details["dtype"])
    interpreter.set_tensor(details["index"], zeros)
    interpreter.invoke()


def _calls(inputs, timesteps):
    """Yields the inputs as the file takes them: whole, or timestep by timestep."""
    for array in inputs:
        count = array.shape[1] if timesteps == 1 else 1
        for part in array.reshape(count, 1, -1, *array.shape[2:]):
            yield [part]


if __name__ == "__main__":
    main()
