"""Makes every drawing, with a description for those who cannot see it."""

from typing import NamedTuple

from experiments.drawings import gradient, packing, recurrent, svg, unit
from experiments.drawings.equations import GROUPS, read_equations


class Drawing(NamedTuple):
    """Holds a drawing."""

    title: str
    description: str  # also the alternative text in docs/lstm.md
    size: tuple  # width and height
    elements: list  # SVG


class Lit(NamedTuple):
    """Holds what the drawing of a group lights."""

    group: str  # a key of GROUPS
    heading: tuple  # two lines
    parts: tuple
    description: str


LIT = {
    "group_1_1": Lit(
        "1.1",
        ("Group 1.1", "forget gate"),
        ("inputs", "f"),
        "x_t and h_{t-1} go into the forget gate, a sigmoid, and f_t comes out.",
    ),
    "group_1_2": Lit(
        "1.2",
        ("Group 1.2", "forget gate applied"),
        ("kept",),
        "On the way of the cell state, C_{t-1} is multiplied by f_t.",
    ),
    "group_2_1": Lit(
        "2.1",
        ("Group 2.1", "input gate, candidate"),
        ("inputs", "i", "c_tilde"),
        "x_t and h_{t-1} go into two layers. The input gate, a sigmoid, gives i_t; a "
        "tanh gives the candidate values C~_t.",
    ),
    "group_2_2": Lit(
        "2.2",
        ("Group 2.2", "candidate scaled"),
        ("written",),
        "C~_t is multiplied by i_t, and the product goes to the cell state.",
    ),
    "new_cell_state": Lit(
        "1 + 2",
        ("Groups 1 and 2", "new cell state"),
        ("kept", "written", "c"),
        "The product with f_t comes from above, the product i_t * C~_t from the left; "
        "their sum leaves the unit as C_t.",
    ),
    "group_3": Lit(
        "3",
        ("Group 3", "output"),
        ("inputs", "o", "tanh_c", "h"),
        "x_t and h_{t-1} go into the output gate, a sigmoid. Its o_t multiplies the "
        "tanh of C_t, and the product leaves the unit as h_t.",
    ),
}


def svg_files():
    """Returns the content of every SVG file by its name."""
    return {
        f"{name}.svg": svg.document(name, *drawing)
        for name, drawing in drawings().items()
    }


def drawings():
    """Returns every `Drawing` by the name of its file, without the ending."""
    return {
        "recurrent": Drawing(*recurrent.drawing()),
        "unit": _whole_unit(),
        **{name: _group(lit) for name, lit in LIT.items()},
        "gradient": Drawing(*gradient.drawing()),
        "packing": Drawing(*packing.drawing()),
    }


def _whole_unit():
    bottom = unit.BOTTOM + 24
    words = [
        (130, 24, "previous output", "start"),
        (unit.STATE - 36, 24, "previous cell state", "end"),
        (32, 124, "input", "middle"),
        (unit.MIDDLE, bottom + 48, "output", "middle"),
        (unit.STATE, bottom + 48, "new cell state", "middle"),
    ]
    legend = [
        svg.rectangle(32, bottom + 2, 36, 24),
        svg.text(60, bottom + 2, "layer, with weights", 18, "start"),
        svg.rectangle(32, bottom + 38, 30, 30, radius=15),
        svg.sign("product", 32, bottom + 38, 7),
        svg.text(60, bottom + 38, "pointwise: *, +, tanh", 18, "start"),
    ]
    return Drawing(
        "The LSTM unit",
        "The LSTM unit, from top to bottom. It reads the previous output h_{t-1}, the "
        "previous cell state C_{t-1} and the input x_t. x_t and h_{t-1} go into four "
        "layers: the forget gate, the input gate and the output gate are sigmoids, the "
        "candidate is a tanh. The cell state runs straight down: it is multiplied by "
        "f_t, then i_t * C~_t is added, and it leaves as the new cell state C_t. Its "
        "tanh, multiplied by o_t, leaves as the output h_t.",
        (unit.WIDTH, bottom + 66),
        [
            *unit.draw_unit(),
            *(svg.text(x, y, text, 18, a, "faint") for x, y, text, a in words),
            *legend,
        ],
    )


def _group(lit):
    known = read_equations().equations
    equations = {name: known[name].text for name in GROUPS[lit.group]}
    top = unit.BOTTOM + 84
    heading, subject = lit.heading
    return Drawing(
        f"{heading}: {subject}",
        f"The unit with one part lit. {lit.description} The formula: "
        f"{'; '.join(equations.values())}.",
        (unit.WIDTH, top + 92),
        [
            *unit.draw_unit(lit.parts),
            svg.text(20, unit.BOTTOM + 26, heading, 24, "start", "strong"),
            svg.text(20, unit.BOTTOM + 56, subject, 24, "start"),
            *(
                svg.group(
                    [svg.text(20, top + 24 + 38 * line, equation, 25, "start", "lit")],
                    id=f"formula-{name}",
                )
                for line, (name, equation) in enumerate(equations.items())
            ),
        ],
    )
