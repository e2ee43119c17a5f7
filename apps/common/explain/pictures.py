"""What the gates did with an input, for those who look: a picture and a page."""

from pathlib import Path

import matplotlib.pyplot as plt

from apps.common.explain.page import page
from apps.common.explain.traces import PLOTTED_UNITS, TITLES, Explanation, traces_of
from apps.common.metrics.plots import save_figure
from apps.common.portable.files import atomic_write
from apps.common.portable.run_files import EXPLANATIONS


def write_explanations(directory, rows):
    """Writes a picture and a page for each input into `explain/` of a run directory.

    Earlier ones are kept: they are numbered.

    Args:
        directory: The run directory.
        rows: For each input itself and the answer to it, strings, and what the
            signature `gates` answers to it alone.

    Returns:
        The paths of the pages, each beside its picture.
    """
    folder = Path(directory, EXPLANATIONS)
    folder.mkdir(exist_ok=True)
    taken = [int(p.stem) for p in folder.glob("*.html") if p.stem.isdigit()]
    paths = []
    for number, (title, answer, outputs) in enumerate(rows, max(taken, default=0) + 1):
        explanation = Explanation(title, answer, traces_of(outputs))
        path = folder / f"{number}.html"
        draw(explanation, path.with_suffix(".png"))
        with atomic_write(path) as temporary:
            temporary.write_text(page(explanation), encoding="utf-8")
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
        for unit in trace.most_variable_units():
            panels[0, 3].plot(c[:, unit], label=f"{unit}")
        panels[0, 3].set(title=TITLES["c"])
        panels[0, 3].legend(fontsize=5, ncols=PLOTTED_UNITS, loc="upper left")
        bound = trace.bound()
        _heat(panels[1, 3], c[:, order].T, "RdBu_r", -bound, bound)
        panels[0, 4].set_axis_off()
        panels[0, 4].set_title("share of the cell state that each\ncolumn still holds")
        _heat(panels[1, 4], trace.shares(), "magma_r", 0, None)
        places = range(len(trace.labels))
        panels[1, 4].set_yticks(places, trace.labels, fontsize=6)
        for panel in panels[1]:
            panel.set_xticks(places, trace.labels, rotation=90, fontsize=7)
    save_figure(figure, path)


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
