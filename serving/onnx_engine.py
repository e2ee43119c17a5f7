"""The engine ONNX Runtime: runs the `onnx/` directory of an exported version."""

from apps.common.portable.versions import ONNX
from serving.engine import Model


class OnnxModel(Model):
    """One loaded version of an ONNX export."""

    GRAPH = ONNX

    @classmethod
    def prepare(cls):
        """Imports ONNX Runtime."""
        import onnxruntime  # noqa: F401

    def load(self):
        """Returns the signatures of `onnx/model.json` by name."""
        from serving import runtime

        return runtime.load((self.path / ONNX).parent).signatures
