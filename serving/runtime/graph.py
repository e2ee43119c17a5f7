"""Runs an ONNX graph."""


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

        self.inputs, self.outputs = info.inputs, info.outputs
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        try:
            session = onnxruntime.InferenceSession(
                str(info.path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of its own types, without a common base
            reason = " ".join(str(error).split())
            raise ValueError(
                f"{info.path}: ONNX Runtime {onnxruntime.__version__} does not load "
                f"it: {reason}"
            ) from None
        for side, values in (
            ("inputs", session.get_inputs()),
            ("outputs", session.get_outputs()),
        ):
            names = [value.name for value in values]
            if set(names) != set(getattr(self, side)):
                listed = ", ".join(sorted(getattr(self, side)))
                raise ValueError(
                    f"{info.path}: expected the {side} {listed}. Received: "
                    f"{', '.join(sorted(names))}. Export the model again."
                )
        self._names, self._run = list(self.outputs), session.run

    def run(self, inputs):
        """Returns the outputs by name.

        Args:
            inputs: Arrays by input name, of the types of `inputs`.
        """
        outputs = self._run(self._names, inputs)
        return dict(zip(self._names, outputs, strict=True))
