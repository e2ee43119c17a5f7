"""Holds the geometry of the LSTM unit, and draws it whole or with a part lit.

Time runs downwards: the unit reads C_{t-1} and h_{t-1} at its top, x_t at its left, and
gives C_t and h_t at its bottom, in the order of the lines of `lstm_step`. Layers and
operations have the names that `lstm_step` gives to what they compute (`tanh_c`, which
has none there, is the name of lstm_layer/gradient.py). So has each wire, by the value
that it carries. In the SVG these are the ids `part-NAME`, `wire-NAME` and `label-NAME`.
"""

import itertools
from typing import NamedTuple

from experiments.drawings import svg
from experiments.drawings.equations import read_equations

WIDTH = 640
LEFT, TOP, RIGHT, BOTTOM = 60, 64, 628, 590  # the frame of the unit
BUS, LAYERS, MIDDLE, STATE = 100, 218, 374, 500  # columns
# Bands of the three groups: name, first and last y.
BANDS = (
    ("1 forget", 84, 196),
    ("2 write", 206, 386),
    ("3 output", 396, 574),
)
LAYER, OPERATION, TANH = (160, 62), (44, 44), (76, 44)  # width and height
LABEL = 21  # height of the font
CELL_STATE = ("c_prev", "kept", "c")  # the wires from C_{t-1} to C_t


class Part(NamedTuple):
    """Holds a layer, a pointwise operation or the place where inputs meet."""

    function: str  # "sigmoid", "tanh", "product", "sum" or "inputs"
    x: float
    y: float
    size: tuple  # width and height
    title: str = ""


class Wire(NamedTuple):
    """Holds where a value comes from and where it goes."""

    source: str  # a part, or "" outside of the unit
    ends: dict  # part, or "" outside of the unit -> points of the way there
    label: tuple = ()  # x, y, text and its anchor


def parts():
    """Returns the parts of the unit by name; functions of layers as in the code."""
    functions = read_equations().functions
    return {
        "inputs": Part("inputs", BUS, 100, (10, 10)),
        "f": Part(functions["f"], LAYERS, 140, LAYER, "forget gate"),
        "kept": Part("product", STATE, 140, OPERATION),
        "i": Part(functions["i"], LAYERS, 248, LAYER, "input gate"),
        "c_tilde": Part(functions["C"], LAYERS, 344, LAYER, "candidate"),
        "written": Part("product", MIDDLE, 296, OPERATION),
        "c": Part("sum", STATE, 296, OPERATION),
        "o": Part(functions["o"], LAYERS, 522, LAYER, "output gate"),
        "tanh_c": Part("tanh", MIDDLE, 432, TANH),
        "h": Part("product", MIDDLE, 522, OPERATION),
    }


def wires():
    """Returns the wires of the unit by the name of the value that they carry."""
    at = parts()
    join = (BUS, at["inputs"].y)  # of x_t and h_{t-1}

    def top(name):
        return at[name].x, at[name].y - at[name].size[1] / 2

    def bottom(name):
        return at[name].x, at[name].y + at[name].size[1] / 2

    def left(name):
        return at[name].x - at[name].size[0] / 2, at[name].y

    def right(name):
        return at[name].x + at[name].size[0] / 2, at[name].y

    layers = ("f", "i", "c_tilde", "o")
    above, below, branch = TOP - 22, BOTTOM + 30, at["tanh_c"].y
    return {
        "h_prev": Wire(
            "", {"inputs": [(BUS, above), top("inputs")]}, (BUS, 24, "h_{t-1}")
        ),
        "x": Wire("", {"inputs": [(10, join[1]), left("inputs")]}, (32, 80, "x_t")),
        "inputs": Wire(
            "inputs", {name: [join, (BUS, at[name].y), left(name)] for name in layers}
        ),
        "c_prev": Wire(
            "", {"kept": [(STATE, above), top("kept")]}, (STATE, 24, "C_{t-1}")
        ),
        "f": Wire("f", {"kept": [right("f"), left("kept")]}, (326, 120, "f_t")),
        "kept": Wire(
            "kept",
            {"c": [bottom("kept"), top("c")]},
            (STATE + 14, 228, "f_t * C_{t-1}", "start"),
        ),
        "i": Wire(
            "i",
            {"written": [right("i"), (MIDDLE, at["i"].y), top("written")]},
            (326, 229, "i_t"),
        ),
        "c_tilde": Wire(
            "c_tilde",
            {
                "written": [
                    right("c_tilde"),
                    (MIDDLE, at["c_tilde"].y),
                    bottom("written"),
                ]
            },
            (326, 366, "C~_t"),
        ),
        "written": Wire(
            "written",
            {"c": [right("written"), left("c")]},
            ((MIDDLE + STATE) / 2 - 4, 269, "i_t * C~_t"),
        ),
        "c": Wire(
            "c",
            {
                "": [bottom("c"), (STATE, below)],
                "tanh_c": [(STATE, branch), right("tanh_c")],
            },
            (STATE, BOTTOM + 48, "C_t"),
        ),
        "o": Wire("o", {"h": [right("o"), left("h")]}, (326, 503, "o_t")),
        "tanh_c": Wire(
            "tanh_c",
            {"h": [bottom("tanh_c"), top("h")]},
            (MIDDLE + 12, 478, "tanh(C_t)", "start"),
        ),
        "h": Wire(
            "h", {"": [bottom("h"), (MIDDLE, below)]}, (MIDDLE, BOTTOM + 48, "h_t")
        ),
    }


def draw_unit(lit=None):
    """Returns the elements of the unit.

    Args:
        lit: Names of the parts that are lit, with the wires to and from them; all else
            is faint. None draws the whole unit, the cell state in its own colour.
    """
    bands = [
        f'<rect class="band" x="{LEFT + 8}" y="{first}" width="{RIGHT - LEFT - 16}" '
        f'height="{last - first}" rx="6"/>'
        + svg.text(RIGHT - 18, last - 20, name, 19, "end", "faint")
        for name, first, last in BANDS
    ]
    frame = svg.rectangle(
        *((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2, RIGHT - LEFT, BOTTOM - TOP),
        classes="frame",
        radius=12,
    )
    return [
        *bands,
        frame,
        *(_draw_wire(name, wire, lit) for name, wire in wires().items()),
        *(_draw_part(name, part, lit) for name, part in parts().items()),
    ]


def _draw_wire(name, wire, lit):
    """Returns a wire with its label; its lit branches lie above the others."""
    branches, looks = {"faint": [], "": [], "state": [], "lit": []}, []
    for end, points in wire.ends.items():
        if lit is None:
            look = "state" if name in CELL_STATE and end != "tanh_c" else ""
        elif end in lit or (wire.source in lit and (len(wire.ends) == 1 or not end)):
            look = "lit"
        else:
            look = "faint"
        looks.append(look)
        branches[look].append(svg.group([svg.wire(points)], look, data_to=end))
    elements = [*itertools.chain(*branches.values())]
    if wire.label:
        x, y, words, *anchor = wire.label
        label = svg.text(x, y, words, LABEL, *anchor, classes=looks[0])
        elements.append(svg.group([label], id=f"label-{name}"))
    return svg.group(elements, id=f"wire-{name}")


def _draw_part(name, part, lit):
    look = "" if lit is None else "lit" if name in lit else "faint"
    x, y, (width, height) = part.x, part.y, part.size
    if part.function == "inputs":
        elements = [f'<circle class="head" cx="{x}" cy="{y}" r="{width / 2:g}"/>']
    elif part.title:
        elements = [
            svg.rectangle(x, y, width, height),
            svg.text(x, y - 14, part.title, 19),
            svg.text(x, y + 14, part.function, 19, classes="code"),
        ]
    else:
        inside = (
            svg.text(x, y, part.function, 19, classes="code")
            if part.function == "tanh"
            else svg.sign(part.function, x, y)
        )
        elements = [svg.rectangle(x, y, width, height, radius=height / 2), inside]
    return svg.group(elements, look, id=f"part-{name}")
