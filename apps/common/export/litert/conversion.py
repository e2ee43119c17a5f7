"""Has LiteRT's converter run in a process of its own."""

import json
import sys
from pathlib import Path

import numpy as np

from apps.common.export.process import waiting_process
from apps.common.portable.litert import INT8
from apps.common.portable.terminal import last_line

CONVERT = Path(__file__).with_name("convert.py")


def conversion_process():
    """Starts the process, which loads TensorFlow while the caller traces and saves."""
    return waiting_process(CONVERT)


def convert(process, saved_model, graphs, files, calibration):
    """Writes the LiteRT files of a SavedModel.

    Args:
        process: What `conversion_process` yields; it is used up.
        saved_model: Path of the SavedModel, with a signature for each graph.
        graphs: `DeviceGraph` by name.
        files: Paths of the files to write, by name of the graph and quantization;
            int8 last.
        calibration: Inputs from which int8 takes the ranges of all values.

    Raises:
        ValueError: If a file cannot be converted. If it is an int8 file, it is left
            out, and one line says so.
    """
    inputs = saved_model.with_name("calibration.npz") if calibration else None
    if inputs:
        np.savez(inputs, *calibration)
    jobs = [
        {
            "file": str(path),
            "signature": name,
            "quantization": quantization,
            "timesteps": graphs[name].timesteps,
        }
        for (name, quantization), path in files.items()
    ]
    request = {
        "saved_model": str(saved_model),
        "calibration": inputs and str(inputs),
        "jobs": jobs,
    }
    output, errors = process.communicate(json.dumps(request))
    outcomes = dict(map(json.loads, output.splitlines()))
    died = f"the converter ended with {process.returncode}: {last_line(errors)}"
    for (_, quantization), path in files.items():
        if (reason := outcomes.get(str(path), died)) is None:
            continue
        if quantization != INT8:
            raise ValueError(f"{path.name} cannot be converted: {reason}")
        print(f"{path.name} is left out: {reason}", file=sys.stderr)
        path.unlink(missing_ok=True)
