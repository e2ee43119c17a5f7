"""The engine ONNX Runtime: runs the `onnx/` directory of an exported version."""

import importlib

from apps.common.portable.versions import ONNX
from serving.engine import Model


class OnnxModel(Model):
    """One loaded version of an ONNX export."""

    GRAPH = ONNX

    @classmethod
    def prepare(cls):
        """Imports ONNX Runtime."""
        try:
            importlib.import_module("onnxruntime")
        except ModuleNotFoundError:
            raise ValueError(
                "--engine onnx: ONNX Runtime is not installed. "
                "`pip install -r requirements-runtime.txt` installs it."
            ) from None

    def load(self):
        """Returns the signatures of `onnx/model.json` by name."""
        from serving import runtime

        return runtime.load((self.path / ONNX).parent).signatures
