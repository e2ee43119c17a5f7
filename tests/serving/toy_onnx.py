"""A small ONNX export and its app, for tests; the app needs no TensorFlow."""

import hashlib
import json
from pathlib import Path

import numpy as np

from serving import runtime
from serving.engine import RequestError, Signature
from serving.specs import Spec

LETTERS = b"abcdef"
OPSET = 18


def write_export(version, weights=None, **changes):
    """Writes `onnx/` into a version's directory; returns the path of `model.json`.

    Args:
        version: Path of the version's directory.
        weights: Array of shape (6, 3); random by default.
        changes: Other values of members of `model.json`.
    """
    from onnx import TensorProto, helper, numpy_helper, save

    directory = Path(version, "onnx")
    directory.mkdir(parents=True)
    if weights is None:
        weights = np.random.default_rng(0).normal(size=(6, 3))
    infos = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", size])
        for name, size in (("counts", 6), ("logits", 3))
    }
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["counts", "weights"], ["logits"])],
        "toy",
        [infos["counts"]],
        [infos["logits"]],
        [numpy_helper.from_array(np.asarray(weights, "float32"), "weights")],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    save(model, directory / "toy.onnx")
    content = (directory / "toy.onnx").read_bytes()
    description = {
        "format": 1,
        "app": "toy",
        "opset": OPSET,
        "graphs": {
            "toy": {
                "file": "toy.onnx",
                "sha256": sha256(content),
                "inputs": {"counts": {"dtype": "float32", "shape": [None, 6]}},
                "outputs": {"logits": {"dtype": "float32", "shape": [None, 3]}},
            }
        },
        "files": {},
        "settings": {"labels": ["x", "y", "z"]},
    }
    path = directory / "model.json"
    path.write_text(json.dumps(description | changes), encoding="utf-8")
    return path


def sha256(content):
    """Returns the hash that `model.json` has of a file's content."""
    return hashlib.sha256(content).hexdigest()


class Toy:
    """The app: it counts letters and multiplies their numbers."""

    graphs_needed, files_needed, settings_needed = ("toy",), (), ("labels",)

    def __init__(self, description, graphs):
        self._graph = graphs["toy"]
        labels = [name.encode() for name in description.settings["labels"]]
        self._labels = np.array(labels, object)

    def signatures(self):
        texts = {"text": Spec("string", (None,))}
        outputs = {
            "logits": Spec("float32", (None, len(self._labels))),
            "label": Spec("string", (None,)),
        }
        classify = Signature(texts, outputs, self._classify, bounded=True)
        return {"serving_default": classify}

    def _classify(self, arrays):
        if any(b"!" in text for text in arrays["text"]):
            raise RequestError(400, "text must not shout")
        counts = [[text.count(letter) for letter in LETTERS] for text in arrays["text"]]
        logits = self._graph.run({"counts": np.array(counts, "float32")})["logits"]
        return {"label": self._labels[logits.argmax(axis=1)], "logits": logits}


def register():
    """Adds the app `toy` to those that the runtime knows."""
    runtime.APPS["toy"] = Toy
