"""Runs a SavedModel as a server does: TensorFlow 1's loader, no code of this project.

A script for a fresh process. It reads JSON from standard input: `version`, the
directory of the SavedModel, and `examples`, {signature: {input name: value}}. It prints
{signature: {output name: value}} as JSON.
"""

import base64
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

REFUSED = ("PyFunc", "EagerPyFunc", "Cudnn")


def main():
    """Runs every signature on its example inputs and prints the outputs."""
    import tensorflow as tf

    request = json.load(sys.stdin)
    outputs = {}
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loader = tf.compat.v1.saved_model.loader
        graph = loader.load(session, ["serve"], request["version"])
        definition = session.graph.as_graph_def()
        nodes = [*definition.node]
        for function in definition.library.function:
            nodes += function.node_def
            if function.attr["_XlaMustCompile"].b:
                raise SystemExit(
                    f"function {function.signature.name} must be compiled by XLA, "
                    "which not every server can do. Do not export an LSTM with "
                    "jit_compile=True"
                )
        for node in nodes:
            if node.op.startswith(REFUSED) or node.attr["_XlaMustCompile"].b:
                raise SystemExit(f"operation {node.op} does not run on every server")
        for name, inputs in request["examples"].items():
            signature = graph.signature_def[name]
            feed = {
                signature.inputs[key].name: _bytes(value)
                for key, value in inputs.items()
            }
            tensors = {key: info.name for key, info in signature.outputs.items()}
            outputs[name] = session.run(tensors, feed)
    if "lstm_layer" in sys.modules or "apps" in sys.modules:
        raise SystemExit("the check imported the project's code")
    print(json.dumps(outputs, default=_plain))


def _bytes(value):
    """Decodes values {"b64": ...} to bytes; other values stay as they are."""
    if isinstance(value, list):
        return [_bytes(one) for one in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def _plain(value):
    """Converts arrays to lists and bytes to text, for JSON."""
    return value.decode() if isinstance(value, bytes) else value.tolist()


if __name__ == "__main__":
    sys.modules["keras"] = None  # TensorFlow works without it; a server has no Keras
    main()
