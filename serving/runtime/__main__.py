"""Runs the signatures of an ONNX export on examples; a script for a fresh process.

It reads JSON from standard input: `onnx`, the directory, and `examples`, {signature:
{input name: value}}, where bytes are {"b64": ...}. It prints {signature: {output name:
value}} as JSON.
"""

import base64
import json
import sys

import numpy as np

from serving import runtime


def main():
    """Prints the outputs of every signature for its example inputs."""
    request = json.load(sys.stdin)
    signatures = runtime.load(request["onnx"]).signatures
    outputs = {}
    for name, inputs in request["examples"].items():
        specs = signatures[name].inputs
        arrays = {key: _array(value, specs[key]) for key, value in inputs.items()}
        outputs[name] = signatures[name](arrays)
    print(json.dumps(outputs, default=_plain))


def _array(value, spec):
    if spec.dtype == "string":
        return np.array([_bytes(item) for item in value], object)
    shape = [size or 0 for size in spec.shape]  # of a value without elements
    array = np.array(value, spec.dtype)
    return array if array.size else array.reshape([len(value), *shape[1:]])


def _bytes(item):
    return item.encode() if isinstance(item, str) else base64.b64decode(item["b64"])


def _plain(value):
    return value.decode() if isinstance(value, bytes) else value.tolist()


if __name__ == "__main__":
    main()
