"""Draws the unit of docs/lstm.md with a place for the value that each wire carries."""

from experiments.drawings import svg, unit
from experiments.drawings.figures import drawings

SIZE = 18  # height of the font of a value
# Wire -> x, y and anchor of its value, beside its label.
PLACES = {
    "h_prev": (134, 24, "start"),
    "c_prev": (530, 24, "start"),
    "f": (338, 160, "middle"),
    "kept": (unit.STATE + 14, 252, "start"),
    "i": (334, 266, "middle"),
    "c_tilde": (334, 325, "middle"),
    "written": (434, 318, "middle"),
    "tanh_c": (402, 501, "start"),
    "o": (326, 541, "middle"),
    "h": (unit.MIDDLE, unit.BOTTOM + 72, "middle"),
    "c": (unit.STATE, unit.BOTTOM + 72, "middle"),
}


def live_unit(value=""):
    """Returns the unit as SVG; the value of wire NAME has the id `value-NAME`.

    Args:
        value: Text that stands in each place until the page computes it.
    """
    whole = drawings()["unit"]
    values = [
        svg.group(
            [svg.text(*place[:2], value, SIZE, place[2], "value")], id=f"value-{n}"
        )
        for n, place in PLACES.items()
    ]
    drawn = svg.document(
        "drawing",
        whole.title,
        whole.description,
        (unit.WIDTH, unit.BOTTOM + 90),
        [*unit.draw_unit(), *values],
    )
    return drawn.replace('role="img"', 'role="group"')  # its parts are buttons
