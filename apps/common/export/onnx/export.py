"""Exports a finished run as ONNX graphs, with what a runtime needs beside them."""

import hashlib
import json
import shutil
from pathlib import Path

import onnx

from apps.common.export.onnx.writer import IR_VERSION, OPSET, onnx_model
from apps.common.portable.run_files import LABELS, VOCABULARY
from apps.common.portable.versions import FORMAT, ONNX


def write_onnx(directory, predictor):
    """Writes the graphs of a run, its vocabulary and labels, and `model.json`.

    `model.json` has the format's number, the app, the settings, and of each graph the
    file with its SHA-256, and the types and shapes of inputs and outputs.

    Args:
        directory: Directory to make.
        predictor: The run's `Predictor`.

    Raises:
        ValueError: If a cell or an operation has no counterpart in ONNX.
    """
    directory = Path(directory)
    directory.mkdir()
    graphs = {}
    for name, function in predictor.graphs().items():
        model = onnx_model(function, name)
        graphs[name] = _written(directory / f"{name}.onnx", model)
    files = {}
    for name in (VOCABULARY, LABELS):
        if (source := predictor.directory / name).exists():
            shutil.copy(source, directory / name)
            files[name] = _sha256(directory / name)
    description = {
        "format": FORMAT,
        "app": predictor.name,
        "opset": OPSET,
        "ir_version": IR_VERSION,
        "graphs": graphs,
        "files": files,
        "settings": predictor.settings(),
    }
    text = json.dumps(description, indent=1, ensure_ascii=False)
    (directory / ONNX.name).write_text(text + "\n", encoding="utf-8")


def _written(path, model):
    """Writes a graph; returns its entry in the description."""
    path.write_bytes(model.SerializeToString())
    return {
        "file": path.name,
        "sha256": _sha256(path),
        "inputs": {info.name: _spec(info) for info in model.graph.input},
        "outputs": {info.name: _spec(info) for info in model.graph.output},
    }


def _spec(info):
    tensor = info.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    sizes = [size.dim_value or None for size in tensor.shape.dim]
    return {"dtype": dtype, "shape": sizes}


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
