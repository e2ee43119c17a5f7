"""The base class of the apps' runtimes: texts to ids, ids to texts, signatures."""

import numpy as np

from apps.common.portable.description import AGAIN
from apps.common.portable.run_files import LABELS, VOCABULARY
from apps.common.portable.vocabulary import TokenIds, read_tokens
from serving.engine import RequestError, Signature
from serving.specs import Spec

GATES = ("f", "i", "c_tilde", "c", "o", "h")  # in the order of the graphs' outputs
SUFFIX = "_gates"  # of these outputs
YES, NO = np.array(True), np.array(False)


def column(dtype="string"):
    """Returns the `Spec` of one value a row."""
    return Spec(dtype, (None,))


class Runtime:
    """Computes the signatures of one app with its graphs; a subclass for each app.

    A signature is a method from arrays by name to arrays by name; texts are bytes.

    Args:
        description: `Description` of the model.
        graphs: `Graph` by name.

    Attributes:
        graphs_needed: Names of the graphs that the app has.
        files_needed: Names of the files that it has beside them.
        settings_needed: Names of its settings.
        unbounded: Names of the signatures whose time the size of the inputs does not
            bound.
    """

    graphs_needed = files_needed = settings_needed = ()
    unbounded = frozenset()

    def __init__(self, description, graphs):
        self.settings = description.settings
        if LABELS in description.files:
            text = description.files[LABELS].decode()
            self.labels = text.rstrip("\n").split("\n")
        if (content := description.files.get(VOCABULARY)) is not None:
            path = description.path.with_name(VOCABULARY)
            self.vocabulary = TokenIds(read_tokens(path, content))

    def check_labels(self, graph):
        """Raises ValueError if there are not as many labels as `logits` of a graph."""
        classes = graph.outputs["logits"].shape[-1]
        if len(self.labels) != classes:
            raise ValueError(
                f"{graph.path}: expected a label for each of its {classes} classes. "
                f"Received: {len(self.labels)}. {AGAIN}"
            )

    def functions(self):
        """Returns `(inputs, outputs, method)` of each signature by name.

        Inputs and outputs are `Spec`s by name.
        """
        raise NotImplementedError

    def signatures(self):
        """Returns each `Signature` by name."""
        return {
            name: Signature(
                inputs,
                outputs,
                _computed(method, inputs, outputs),
                bounded=name not in self.unbounded,
            )
            for name, (inputs, outputs, method) in self.functions().items()
        }


def _computed(method, inputs, outputs):
    """Returns the function of a signature: errors of the user are refusals."""

    def compute(arrays):
        try:
            arrays = _checked(arrays, inputs)
            if not all(map(len, arrays.values())):  # ONNX Runtime would crash
                return {name: empty(spec) for name, spec in outputs.items()}
            return method(**arrays)
        except ValueError as error:
            raise RequestError(400, str(error)) from None

    return compute


def _checked(arrays, specs):
    """Returns the inputs by name, in the order of the specs.

    Raises:
        ValueError: If an input is missing, is unknown, or has another type or shape, or
            if inputs differ in their number of rows.
    """
    if arrays.keys() != specs.keys():
        raise ValueError(
            f"expected the inputs {', '.join(specs)}. Received: {', '.join(arrays)}."
        )
    for name, spec in specs.items():
        array = arrays[name]
        texts = spec.dtype == "string" and array.dtype.kind in "OSU"
        if not (texts or array.dtype == spec.dtype) or not spec.takes(array.shape):
            given = Spec(str(array.dtype), array.shape)
            raise ValueError(f"{name}: expected {spec}. Received: {given}.")
        # Sound and states; a setting of each row is checked by its bounds.
        is_series = array.dtype.kind == "f" and array.ndim > 1
        if is_series and not np.isfinite(array).all():
            raise ValueError(f"{name}: expected finite numbers. Received: NaN or inf.")
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in rows.items())
        raise ValueError(f"expected as many rows of each input. Received: {listed}.")
    return {name: arrays[name] for name in specs}


def empty(spec):
    """Returns an output without rows."""
    dtype = object if spec.dtype == "string" else spec.dtype
    return np.zeros([size or 0 for size in spec.shape], dtype)


def padded(rows, dtype="int32"):
    """Returns lists of different lengths as an array, padded with 0."""
    array = np.zeros((len(rows), max(map(len, rows))), dtype)
    for place, row in zip(array, rows, strict=True):
        place[: len(row)] = row
    return array


def texts(rows):
    """Returns strings as an array of bytes."""
    return np.array([row.encode() for row in rows], object)


def padded_texts(rows):
    """Returns lists of strings as an array of bytes, padded with empty ones."""
    array = np.full((len(rows), max(map(len, rows), default=0)), b"", object)
    for place, row in zip(array, rows, strict=True):
        place[: len(row)] = [text.encode() for text in row]
    return array


def softmax(logits):
    """Returns the softmax over the last axis."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(logits):
    """Returns the logarithm of the softmax over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def states_of(graph):
    """Returns the number of units of each state that a graph takes and returns."""
    return {
        name: spec.shape[-1]
        for name, spec in graph.inputs.items()
        if f"next_{name}" in graph.outputs
    }


def layers_of(graph):
    """Returns the number of units of each LSTM of a graph, by its name."""
    return {
        name.removesuffix(SUFFIX): spec.shape[-1] // len(GATES)
        for name, spec in graph.outputs.items()
        if name.endswith(SUFFIX)
    }


def gate_specs(layers, timesteps=None):
    """Returns the outputs of a signature `gates`, from units by layer name."""
    specs = {}
    for layer, units in layers.items():
        specs[f"{layer}_tokens"] = Spec("string", (None, timesteps))
        for name in GATES:
            specs[f"{layer}_{name}"] = Spec("float32", (None, timesteps, units))
    return specs


def recorded_in(outputs):
    """Returns the gates among a graph's outputs, by the name of the layer."""
    return {
        name.removesuffix(SUFFIX): value
        for name, value in outputs.items()
        if name.endswith(SUFFIX)
    }


def gate_outputs(recorded, labels):
    """Returns the outputs of a signature `gates`; 0 at padding.

    Args:
        recorded: Gates and states by layer name, `(batch, timesteps, 6 * units)`.
        labels: Label of each timestep, bytes `(batch, timesteps)`, for all layers, or a
            dictionary of them by layer name; b"" is padding.
    """
    outputs = {}
    for layer, values in recorded.items():
        tokens = labels[layer] if isinstance(labels, dict) else labels
        values = np.where((tokens != b"")[..., np.newaxis], values, np.float32(0))
        parts = zip(GATES, np.split(values, len(GATES), axis=-1), strict=True)
        outputs |= {f"{layer}_{name}": part for name, part in parts}
        outputs[f"{layer}_tokens"] = tokens
    return outputs
