"""Exports a finished run as ONNX graphs, with what a runtime needs beside them."""

import json
import subprocess
import sys
from pathlib import Path

import onnx

from apps.common.export.agreement import check_agreement, plain
from apps.common.export.description import sha256_of, write_description
from apps.common.export.onnx.writer import IR_VERSION, OPSET, onnx_model
from apps.common.portable.terminal import last_line
from apps.common.portable.versions import ONNX

RUNTIME = "serving.runtime"  # the module that runs examples as a server does
ROOT = Path(__file__).parents[4]  # from which it is found
TOLERANCE = 1e-4


def write_onnx(version, predictor, signatures, examples):
    """Writes `onnx/` of a version and checks that it answers as the model does.

    A model with a cell or an operation that ONNX lacks has none; a line says so.

    Args:
        version: Directory of the version.
        predictor: The run's `Predictor`.
        signatures: For each signature a `tf.function`.
        examples: For each signature its inputs, arrays by name.

    Raises:
        ValueError: If the answers differ.
    """
    try:
        models = {name: onnx_model(f, name) for name, f in predictor.graphs().items()}
    except ValueError as error:
        print(
            f"{predictor.directory}: exported without onnx/: {error}", file=sys.stderr
        )
        return
    directory = (Path(version) / ONNX).parent
    write_files(directory, predictor, models)
    _check(directory, signatures, examples)


def _check(directory, signatures, examples):
    """Raises ValueError if the runtime, in a fresh process, gives other answers."""
    request = {"onnx": str(directory.resolve()), "examples": examples}
    process = subprocess.run(
        [sys.executable, "-m", RUNTIME],
        input=json.dumps(request, default=plain),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if process.returncode:
        message = last_line(process.stderr)
        raise ValueError(f"ONNX Runtime does not run the exported model: {message}")
    answers = json.loads(last_line(process.stdout))
    check_agreement("ONNX", answers, signatures, examples, TOLERANCE)


def write_files(directory, predictor, models):
    """Writes the graphs of a run, its vocabulary and labels, and `model.json`.

    `model.json` has the format's number, the app, the settings, and of each graph the
    file with its SHA-256, and the types and shapes of inputs and outputs.

    Args:
        directory: Directory to make.
        predictor: The run's `Predictor`.
        models: ONNX models by name.
    """
    directory = Path(directory)
    directory.mkdir()
    graphs = {
        name: _written(directory / f"{name}.onnx", model)
        for name, model in models.items()
    }
    versions = {"opset": OPSET, "ir_version": IR_VERSION}
    write_description(directory / ONNX.name, predictor, graphs, **versions)


def _written(path, model):
    """Writes a graph; returns its entry in the description."""
    path.write_bytes(model.SerializeToString())
    return {
        "file": path.name,
        "sha256": sha256_of(path),
        "inputs": {info.name: _spec(info) for info in model.graph.input},
        "outputs": {info.name: _spec(info) for info in model.graph.output},
    }


def _spec(info):
    tensor = info.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    sizes = [size.dim_value or None for size in tensor.shape.dim]
    return {"dtype": dtype, "shape": sizes}
