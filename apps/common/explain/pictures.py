"""Writes the gate activations of an input as a PNG picture and an HTML page."""

from pathlib import Path

import matplotlib.pyplot as plt

from apps.common.explain.page import page
from apps.common.explain.traces import PLOTTED_UNITS, TITLES, Explanation, traces_of
from apps.common.metrics.plots import save_figure
from apps.common.portable.files import atomic_write
from apps.common.portable.run_files import EXPLANATIONS


def write_explanations(directory, rows):
    """Writes a picture and a page for each input into `explain/` of a run directory.

    Files are numbered; earlier ones are kept.

    Args:
        directory: Run directory.
        rows: For each input a tuple of the input and the answer, both strings, and the
            outputs of the signature `gates` for this input alone.

    Returns:
        Paths of the pages. Each picture has the same name with the suffix `.png`.
    """
    folder = Path(directory, EXPLANATIONS)
    folder.mkdir(exist_ok=True)
    numbers = [int(p.stem) for p in folder.glob("*.html") if p.stem.isdigit()]
    paths = []
    first = max(numbers, default=0) + 1
    for number, (title, answer, outputs) in enumerate(rows, first):
        explanation = Explanation(title, answer, traces_of(outputs))
        path = folder / f"{number}.html"
        draw(explanation, path.with_suffix(".png"))
        with atomic_write(path) as temporary:
            temporary.write_text(page(explanation), encoding="utf-8")
        paths.append(path)
    return paths


def draw(explanation, path):
    """Draws the gates, the cell state and its origin, one row of panels per layer.

    Heat maps have a row for each unit; the units with the highest mean forget gate are
    on top. The line over a heat map is the mean over the units.

    Args:
        explanation: An `Explanation`.
        path: Path of the PNG file.
    """
    traces = explanation.traces
    longest = max(len(trace.labels) for trace in traces)
    size = (14 + 0.36 * longest, 4.8 * len(traces) + 0.7)
    figure = plt.figure(figsize=(min(size[0], 44), size[1]), layout="constrained")
    figure.suptitle(f"{_short(explanation.title)}\n{_short(explanation.answer)}")
    rows = figure.subfigures(len(traces), 1, squeeze=False)[:, 0]
    for row, trace in zip(rows, traces, strict=True):
        _draw_layer(row, trace)
    save_figure(figure, path)


def _draw_layer(figure, trace):
    """Draws the panels of one layer."""
    figure.suptitle(trace.layer, x=0.01, ha="left", fontsize=10)
    panels = figure.subplots(2, 5, sharex="col", height_ratios=(1, 3))
    order = trace.order()
    for column, name in enumerate(("f", "i", "o")):
        values = trace.gates[name]
        panels[0, column].plot(values.mean(axis=1), "o-", markersize=3)
        panels[0, column].set(title=TITLES[name], ylim=(0, 1))
        _draw_heat_map(panels[1, column], values[:, order].T, "viridis", 0, 1)
    c = trace.gates["c"]
    for unit in trace.most_variable_units():
        panels[0, 3].plot(c[:, unit], label=f"{unit}")
    panels[0, 3].set(title=TITLES["c"])
    panels[0, 3].legend(fontsize=5, ncols=PLOTTED_UNITS, loc="upper left")
    bound = trace.bound()
    _draw_heat_map(panels[1, 3], c[:, order].T, "RdBu_r", -bound, bound)
    panels[0, 4].set_axis_off()
    panels[0, 4].set_title("share of the cell state that\neach column wrote")
    _draw_heat_map(panels[1, 4], trace.shares(), "magma_r", 0, None)
    places = range(len(trace.labels))
    panels[1, 4].set_yticks(places, trace.labels, fontsize=6)
    for panel in panels[1]:
        panel.set_xticks(places, trace.labels, rotation=90, fontsize=7)


def _draw_heat_map(panel, values, colours, lowest, highest):
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
