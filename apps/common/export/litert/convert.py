"""Converts the signatures of a SavedModel to LiteRT files.

A script for a fresh process: a graph that the converter cannot quantize can end the
process. It reads JSON from standard input: `saved_model`, a path; `calibration`, the
path of an .npz file with inputs, or null; and `jobs`, each with `file`, `signature`,
`quantization` and `timesteps`. After each job it prints `[file,
error]` as JSON; the error is null or a line.
"""

import functools
import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

DYNAMIC, INT8 = "dynamic", "int8"


def main():
    """Converts what standard input asks for."""
    import numpy as np
    import tensorflow as tf

    request = json.load(sys.stdin)
    inputs = []
    if request["calibration"]:
        with np.load(request["calibration"]) as arrays:
            inputs = [arrays[name] for name in arrays.files]
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
            Path(job["file"]).write_bytes(converter.convert())
        except Exception as raised:  # of the converter's own types
            error = next(iter(str(raised).strip().splitlines()), type(raised).__name__)
        print(json.dumps([job["file"], error]), flush=True)


def _calls(inputs, timesteps):
    """Yields the inputs as the file takes them: whole, or timestep by timestep."""
    for array in inputs:
        count = array.shape[1] if timesteps == 1 else 1
        for part in array.reshape(count, 1, -1, *array.shape[2:]):
            yield [part]


if __name__ == "__main__":
    main()
