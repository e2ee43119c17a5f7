"""Traces: gate activations as outputs of a signature, and their analysis."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from lstm_layer.gates import NAMES, Gates, contributions

TITLES = {
    "f": "forget gate f",
    "i": "input gate i",
    "c_tilde": "candidate C~",
    "c": "cell state C",
    "o": "output gate o",
    "h": "output h",
}
PLOTTED_UNITS = 5  # units whose cell state is drawn as a line
MAX_TIMESTEPS = 120  # later timesteps are not shown


@dataclass(frozen=True)
class Trace:
    """The gate activations of one layer for one input.

    Attributes:
        layer: Name of the layer.
        labels: Token or other label of each timestep.
        gates: `(timesteps, units)` by the names in `lstm_layer.gates.NAMES`.
        backwards: Whether the layer reads from the end. If the input is longer than
            `MAX_TIMESTEPS`, the state that it carries from later timesteps is left out.
    """

    layer: str
    labels: list
    gates: dict
    backwards: bool

    def held(self):
        """Returns how much of C_t each timestep s contributed, `(t, s, units)`."""
        arrays = [self.gates[name][np.newaxis] for name in NAMES]
        return contributions(Gates(*arrays, backwards=self.backwards))

    def shares(self):
        """Returns the share of timestep s in the cell state at t, `(t, s)`.

        Shares are of the absolute contributions, summed over the units.
        """
        sizes = np.abs(self.held()).sum(axis=-1)
        return sizes / np.maximum(sizes.sum(axis=1, keepdims=True), 1e-12)

    def order(self):
        """Returns the units in descending order of their mean forget gate."""
        return np.argsort(-self.gates["f"].mean(axis=0), kind="stable")

    def bound(self):
        """Returns the 98th percentile of |C|, the limit of the colour scale."""
        return float(max(np.quantile(np.abs(self.gates["c"]), 0.98), 1e-6))

    def most_variable_units(self):
        """Returns the units whose cell state has the highest standard deviation."""
        return np.argsort(-self.gates["c"].std(axis=0))[:PLOTTED_UNITS]


@dataclass(frozen=True)
class Explanation:
    """An input, its answer, and the traces of the layers.

    Attributes:
        title: The input.
        answer: The model's answer.
        traces: A `Trace` for each layer.
    """

    title: str
    answer: str
    traces: list


def gate_outputs(gates, labels):
    """Returns the outputs of a signature `gates`.

    Args:
        gates: `Gates` by layer name.
        labels: Strings `(batch, timesteps)` for all layers, or a dictionary of them by
            layer name; "" is padding.

    Returns:
        For each layer L: `L_tokens`, strings `(batch, timesteps)`, and `L_f`, `L_i`,
        `L_c_tilde`, `L_c`, `L_o`, `L_h`, float32 `(batch, timesteps, units)`; 0 at
        padding.
    """
    outputs = {}
    for layer, layer_gates in gates.items():
        tokens = labels[layer] if isinstance(labels, dict) else labels
        outputs[f"{layer}_tokens"] = tf.identity(tokens)
        is_token = tf.not_equal(tokens, "")[:, :, tf.newaxis]
        for name in NAMES:
            values = tf.cast(getattr(layer_gates, name), "float32")
            outputs[f"{layer}_{name}"] = tf.where(is_token, values, 0.0)
    return outputs


def traces_of(outputs):
    """Returns the traces of the first row of a signature's outputs (`gate_outputs`)."""
    traces = []
    for key in outputs:
        layer = key.removesuffix("_tokens")
        if layer == key:
            continue
        labels = [label.decode() for label in np.asarray(outputs[key])[0]]
        real = [n for n, label in enumerate(labels) if label][:MAX_TIMESTEPS]
        gates = {
            name: np.asarray(outputs[f"{layer}_{name}"])[0][real] for name in NAMES
        }
        names = [labels[n] for n in real]
        if names:
            traces.append(Trace(layer, names, gates, layer.startswith("backward")))
    return traces
