"""Writes the heat maps of the gates as one HTML file that needs no server."""

import base64
import json
import re
from importlib.resources import files

import jinja2
import numpy as np

from apps.common.explain.traces import TITLES

WEB = files("apps.common.explain") / "web"
HEAT_MAP = files("apps.common.portable") / "web" / "heatmap.js"
RANGES = {"f": (0, 1), "i": (0, 1), "o": (0, 1), "c_tilde": (-1, 1), "h": (-1, 1)}


def page(explanation):
    """Returns the HTML page of an `Explanation`, with its style and scripts inline."""
    data = json.dumps([_layer(trace) for trace in explanation.traces])
    heat_map = HEAT_MAP.read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True).from_string(_read("page.html"))
    return template.render(
        explanation=explanation,
        style=_read("page.css"),
        data=data.replace("<", "\\u003c"),  # no "</script>" in a text ends the data
        heat_map=re.sub("^export ", "", heat_map, flags=re.MULTILINE),
        script=_read("page.js"),
    )


def _read(name):
    return (WEB / name).read_text(encoding="utf-8")


def _layer(trace):
    """Returns the data of one layer: its labels, its units in order and its maps."""
    order, bound = trace.order(), trace.bound()
    maps = [
        _map(title, trace.gates[name][:, order].T, RANGES.get(name, (-bound, bound)))
        for name, title in TITLES.items()
    ]
    maps.append(_map("still held", trace.shares(), (0, 1), square=True))
    return {
        "name": trace.layer,
        "labels": trace.labels,
        "units": order.tolist(),
        "maps": maps,
    }


def _map(title, values, bounds, square=False):
    """Returns the data of one heat map, with one byte per field.

    Args:
        title: Its title.
        values: `(rows, columns)`.
        bounds: The lowest and the highest value that a colour can show.
        square: Whether the rows are timesteps, as the columns are.
    """
    low, high = bounds
    share = (values - low) / max(high - low, 1e-12)
    fields = np.round(255 * np.clip(share, 0, 1)).astype("uint8")
    return {
        "title": title,
        "rows": len(values),
        "columns": values.shape[1],
        "low": low,
        "high": high,
        "square": square,
        "bytes": base64.b64encode(fields.tobytes()).decode(),
    }
