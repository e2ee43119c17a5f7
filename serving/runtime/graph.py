"""Runs an ONNX graph."""

from serving.engine import RequestError

MANY = 2**13  # elements of the inputs; after such a call its memory is given back
SHRINK = "memory.enable_memory_arena_shrinkage", "cpu:0"


class Graph:
    """An ONNX graph in a session of ONNX Runtime.

    Several threads may call `run` at once.

    Args:
        info: Its `GraphInfo`.

    Attributes:
        inputs: `Spec` by name.
        outputs: `Spec` by name.

    Raises:
        ValueError: If ONNX Runtime does not load the file, or its inputs or outputs are
            not those of the description.
    """

    def __init__(self, info):
        import onnxruntime  # takes as long as all else: only when a graph is loaded

        self.path, self.inputs, self.outputs = info.path, info.inputs, info.outputs
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # fatal errors; others are raised
        try:
            session = onnxruntime.InferenceSession(
                info.content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of its own types, without a common base
            raise ValueError(
                f"{info.path}: ONNX Runtime {onnxruntime.__version__} does not load "
                f"it: {_reason(error)}"
            ) from None
        self._check("inputs", session.get_inputs())
        self._check("outputs", session.get_outputs())
        self._names, self._run = list(self.outputs), session.run
        self._shrinking = onnxruntime.RunOptions()
        self._shrinking.add_run_config_entry(*SHRINK)

    def _check(self, side, values):
        """Raises ValueError if inputs or outputs are not those of the description."""
        specs = getattr(self, side)
        shapes = {
            value.name: tuple(n if isinstance(n, int) else None for n in value.shape)
            for value in values
        }
        if shapes != {name: spec.shape for name, spec in specs.items()}:
            expected = ", ".join(f"{n} {s.shape}" for n, s in sorted(specs.items()))
            received = ", ".join(f"{n} {shape}" for n, shape in sorted(shapes.items()))
            raise ValueError(
                f"{self.path}: expected the {side} {expected}. Received: {received}. "
                "Export the model again."
            )

    def run(self, inputs):
        """Returns the outputs by name.

        Args:
            inputs: Arrays by input name, of the types of `inputs`.

        Raises:
            RequestError: If memory does not suffice.
        """
        many = sum(array.size for array in inputs.values()) > MANY
        try:
            outputs = self._run(self._names, inputs, self._shrinking if many else None)
        except Exception as error:  # of its own types, without a common base
            if "alloc" not in str(error) and not isinstance(error, MemoryError):
                raise
            message = "Too large to compute: memory does not suffice."
            raise RequestError(413, message) from None
        return dict(zip(self._names, outputs, strict=True))


def _reason(error):
    return " ".join(str(error).split())
