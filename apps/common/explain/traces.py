"""The gates of a layer over an input: as outputs of a signature, and read back."""

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
LONGEST = 120  # timesteps that are shown


@dataclass(frozen=True)
class Trace:
    """One layer over one input.

    Attributes:
        layer: Its name.
        labels: What stands at each timestep.
        gates: `(timesteps, units)` by the names in `lstm_layer.gates.NAMES`.
        backwards: Whether it reads from the end. Of a long input the first timesteps
            are shown, and what such a reader held when it came to them is left out.
    """

    layer: str
    labels: list
    gates: dict
    backwards: bool

    def held(self):
        """Returns what each timestep still contributes at each, `(t, s, units)`."""
        arrays = [self.gates[name][np.newaxis] for name in NAMES]
        return contributions(Gates(*arrays, backwards=self.backwards))

    def shares(self):
        """Returns the share of each timestep in the cell state at each, `(t, s)`.

        A contribution counts by its absolute value, summed over the units.
        """
        sizes = np.abs(self.held()).sum(axis=-1)
        return sizes / np.maximum(sizes.sum(axis=1, keepdims=True), 1e-12)

    def order(self):
        """Returns the units from those that keep most to those that forget most."""
        return np.argsort(-self.gates["f"].mean(axis=0), kind="stable")

    def bound(self):
        """Returns the size that few cell states exceed, for the scale of colours."""
        return float(max(np.quantile(np.abs(self.gates["c"]), 0.98), 1e-6))

    def most_variable_units(self):
        """Returns the units whose cell state changes most."""
        return np.argsort(-self.gates["c"].std(axis=0))[:PLOTTED_UNITS]


@dataclass(frozen=True)
class Explanation:
    """An input, the answer to it, and what happened in each layer on the way."""

    title: str
    answer: str
    traces: list


def gate_outputs(gates, labels):
    """Returns the outputs of a signature that shows the gates.

    Args:
        gates: `Gates` by the name of the layer.
        labels: Strings `(batch, timesteps)` for the timesteps of all layers, or by the
            name of the layer; "" is padding.

    Returns:
        For each layer L: `L_tokens`, strings `(batch, timesteps)`, and `L_f`, `L_i`,
        `L_c_tilde`, `L_c`, `L_o`, `L_h`, float32 `(batch, timesteps, units)`.
    """
    found = {}
    for layer, own in gates.items():
        shown = labels[layer] if isinstance(labels, dict) else labels
        found[f"{layer}_tokens"] = tf.identity(shown)
        for name in NAMES:
            found[f"{layer}_{name}"] = tf.cast(getattr(own, name), "float32")
    return found


def traces_of(outputs):
    """Returns the traces of the first row of what a gates signature answers."""
    traces = []
    for key in outputs:
        layer = key.removesuffix("_tokens")
        if layer == key:
            continue
        labels = [label.decode() for label in np.asarray(outputs[key])[0]]
        real = [n for n, label in enumerate(labels) if label][:LONGEST]
        gates = {
            name: np.asarray(outputs[f"{layer}_{name}"])[0][real] for name in NAMES
        }
        names = [labels[n] for n in real]
        if names:
            traces.append(Trace(layer, names, gates, layer.startswith("backward")))
    return traces
