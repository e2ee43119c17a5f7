"""What the gates did with an input: as outputs of a signature, a picture, a page."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from apps.common.explanation_page import page
from apps.common.files import replacing
from apps.common.plots import save_figure
from lstm_layer.gates import NAMES, Gates, memory

TITLES = {
    "f": "forget gate f",
    "i": "input gate i",
    "c_tilde": "candidate C~",
    "c": "cell state C",
    "o": "output gate o",
    "h": "output h",
}
TELLING = 5  # units whose cell state is drawn as a line
LONGEST = 120  # timesteps that are drawn


@dataclass(frozen=True)
class Trace:
    """One layer over one input.

    Attributes:
        layer: Its name.
        labels: What stands at each timestep.
        gates: `(timesteps, units)` by the names in `lstm_layer.gates.NAMES`.
        backwards: Whether it reads from the end.
    """

    layer: str
    labels: list
    gates: dict
    backwards: bool

    def held(self):
        """Returns what each timestep still contributes at each, `(t, s, units)`."""
        arrays = [self.gates[name][np.newaxis] for name in NAMES]
        return memory(Gates(*arrays, backwards=self.backwards))

    def order(self):
        """Returns the units from those that keep most to those that forget most."""
        return np.argsort(-self.gates["f"].mean(axis=0), kind="stable")

    def bound(self):
        """Returns the size that few cell states exceed, for the scale of colours."""
        return float(max(np.quantile(np.abs(self.gates["c"]), 0.98), 1e-6))

    def telling(self):
        """Returns the units whose cell state changes most."""
        return np.argsort(-self.gates["c"].std(axis=0))[:TELLING]


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


def write_explanations(directory, explanations):
    """Writes a picture and a page for each explanation into a run directory.

    Earlier ones are kept: they are numbered.

    Args:
        directory: The run directory.
        explanations: `Explanation`s.

    Returns:
        The paths of the pages, each beside its picture.
    """
    folder = Path(directory, "explain")
    folder.mkdir(exist_ok=True)
    taken = [int(p.stem) for p in folder.glob("*.html") if p.stem.isdigit()]
    paths = []
    for number, explanation in enumerate(explanations, max(taken, default=0) + 1):
        path = folder / f"{number}.html"
        draw(explanation, path.with_suffix(".png"))
        with replacing(path) as aside:
            aside.write_text(page(explanation), encoding="utf-8")
        paths.append(path)
    return paths


def draw(explanation, path):
    """Draws the gates of each layer, its cell state, and what it still holds of what.

    A row is a layer. Heat maps have a row for each unit, those that keep most on top;
    the line over a heat map is the mean over the units.

    Args:
        explanation: An `Explanation`.
        path: PNG file.
    """
    traces = explanation.traces
    longest = max(len(trace.labels) for trace in traces)
    size = (14 + 0.36 * longest, 4.8 * len(traces) + 0.7)
    figure = plt.figure(figsize=(min(size[0], 44), size[1]), layout="constrained")
    figure.suptitle(f"{_short(explanation.title)}\n{_short(explanation.answer)}")
    rows = figure.subfigures(len(traces), 1, squeeze=False)[:, 0]
    for row, trace in zip(rows, traces, strict=True):
        row.suptitle(trace.layer, x=0.01, ha="left", fontsize=10)
        panels = row.subplots(2, 5, sharex="col", height_ratios=(1, 3))
        order = trace.order()
        for column, name in enumerate(("f", "i", "o")):
            values = trace.gates[name]
            panels[0, column].plot(values.mean(axis=1), "o-", markersize=3)
            panels[0, column].set(title=TITLES[name], ylim=(0, 1))
            _heat(panels[1, column], values[:, order].T, "viridis", 0, 1)
        c = trace.gates["c"]
        for unit in trace.telling():
            panels[0, 3].plot(c[:, unit], label=f"{unit}")
        panels[0, 3].set(title=TITLES["c"])
        panels[0, 3].legend(fontsize=5, ncols=TELLING, loc="upper left")
        bound = trace.bound()
        _heat(panels[1, 3], c[:, order].T, "RdBu_r", -bound, bound)
        panels[0, 4].set_axis_off()
        panels[0, 4].set_title("share of the cell state that each\ncolumn still holds")
        _heat(panels[1, 4], shares(trace), "magma_r", 0, None)
        places = range(len(trace.labels))
        panels[1, 4].set_yticks(places, trace.labels, fontsize=6)
        for panel in panels[1]:
            panel.set_xticks(places, trace.labels, rotation=90, fontsize=7)
    save_figure(figure, path)


def shares(trace):
    """Returns the share of each timestep in the cell state at each, `(t, s)`.

    A contribution counts by its absolute value, summed over the units.
    """
    sizes = np.abs(trace.held()).sum(axis=-1)
    return sizes / np.maximum(sizes.sum(axis=1, keepdims=True), 1e-12)


def _heat(panel, values, colours, lowest, highest):
    panel.imshow(
        values,
        cmap=colours,
        vmin=lowest,
        vmax=highest,
        aspect="auto",
        interpolation="nearest",
    )


def _short(text, longest=160):
    return text if len(text) <= longest else text[: longest - 3] + "..."
