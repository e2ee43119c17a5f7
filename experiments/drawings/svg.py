"""Writes SVG in the one style of the drawings: colours, lines, arrows and symbols."""

import math
import re
from xml.sax.saxutils import escape

# Role -> colour in light and in dark.
COLOURS = {
    "paper": ("#ffffff", "#16181c"),
    "band": ("#f0f3f5", "#20252c"),
    "ink": ("#1f2328", "#dfe3e8"),
    "faint": ("#5b636d", "#9aa4b0"),
    "state": ("#1a6b68", "#4fb8b2"),
    "lit": ("#b33c00", "#ff9f5a"),
}
RULES = """\
text {{ font-family: sans-serif; fill: {ink}; }}
.symbol {{ font-style: italic; }}
.strong {{ font-weight: bold; }}
.code {{ font-family: monospace; }}
.paper {{ fill: {paper}; }}
.band {{ fill: {band}; }}
.frame {{ fill: none; stroke: {faint}; stroke-width: 1.5; }}
.wire, .sign {{ fill: none; stroke: {ink}; stroke-width: 2; stroke-linecap: round; }}
.head {{ fill: {ink}; }}
.shape {{ fill: {paper}; stroke: {ink}; stroke-width: 2; }}
.state .wire {{ stroke: {state}; stroke-width: 4; }}
.state .head {{ fill: {state}; }}
text.state {{ fill: {state}; }}
.faint .wire, .faint .sign, .faint .shape {{ stroke: {faint}; stroke-width: 1.5; }}
.faint .head, text.faint, .faint text {{ fill: {faint}; }}
.lit .wire, .lit .sign, .lit .shape {{ stroke: {lit}; stroke-width: 4; }}
.lit .head, text.lit, .lit text {{ fill: {lit}; }}
.lit text {{ font-weight: bold; }}
.dashed .wire {{ stroke-dasharray: 3 7; }}"""
SYMBOL = re.compile(r"(?<![A-Za-z])([A-Za-z]~?)(?![A-Za-z~])(?:_(\w|\{[^}]*\}))?")
HEAD, CORNER = 12, 12  # length of an arrowhead, radius of a wire's corner


def document(name, title, description, size, elements):
    """Returns an SVG file that scales with its container, in light and in dark.

    Args:
        name: Name of the file, without its ending; the ids of title and description
            begin with it.
        title: Short title.
        description: What is seen, for those who cannot see it.
        size: Width and height of the drawing in its own units.
        elements: The drawing, a list of SVG elements.
    """
    width, height = size
    light, dark = (
        RULES.format(**{role: pair[scheme] for role, pair in COLOURS.items()})
        for scheme in (0, 1)
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'role="img" aria-labelledby="{name}-title {name}-description">',
            f'<title id="{name}-title">{escape(title)}</title>',
            f'<desc id="{name}-description">{escape(description)}</desc>',
            "<style>",
            light,
            "@media (prefers-color-scheme: dark) {",
            *dark.splitlines(),
            "}",
            "</style>",
            f'<rect class="paper" width="{width}" height="{height}" rx="8"/>',
            *elements,
            "</svg>\n",
        ]
    )


def group(elements, classes="", **attributes):
    """Returns elements as one `<g>`; attributes are written with "-" for "_"."""
    named = {"class": classes, **attributes}
    written = "".join(
        f' {key.replace("_", "-")}="{escape(str(value))}"'
        for key, value in named.items()
        if value
    )
    return f"<g{written}>{''.join(elements)}</g>"


def text(x, y, content, size=20, anchor="middle", classes=""):
    """Returns a line of text that is centred on `y`; symbols such as C_{t-1} are set.

    Args:
        x: Place of the anchor.
        y: Middle of the line.
        content: The text. Single letters are symbols; "_" begins a subscript.
        size: Height of the font.
        anchor: "start", "middle" or "end".
        classes: Names of classes of the style.
    """
    named = f' class="{classes}"' if classes else ""
    words = escape(content) if "code" in classes else _set_symbols(content, size)
    return (
        f'<text x="{x:g}" y="{y + 0.35 * size:g}" font-size="{size}" '
        f'text-anchor="{anchor}"{named}>{words}</text>'
    )


def _set_symbols(content, size):
    """Sets single letters in italics and what follows "_" as a subscript."""
    drop, down, end, parts = round(0.22 * size), False, 0, []
    for match in SYMBOL.finditer(content):
        letter, below = match.groups()
        if below is None and letter in "aAI":  # words of English
            continue
        parts.append(_span(content[end : match.start()], "", -drop if down else 0))
        down = down and not content[end : match.start()]
        parts.append(_span(letter, "symbol", -drop if down else 0))
        down, end = below is not None, match.end()
        if down:
            below = below.strip("{}").replace("-", "\N{MINUS SIGN}")
            parts.append(_span(below, "", drop, round(0.76 * size)))
    parts.append(_span(content[end:], "", -drop if down else 0))
    return "".join(parts)


def _span(words, name, dy, size=None):
    if not words:
        return ""
    attributes = f' class="{name}"' if name else ""
    attributes += f' dy="{dy}"' if dy else ""
    attributes += f' font-size="{size}"' if size else ""
    words = escape(words)
    return f"<tspan{attributes}>{words}</tspan>" if attributes else words


def rectangle(x, y, width, height, classes="shape", radius=6):
    """Returns a rectangle around the centre (x, y)."""
    return (
        f'<rect class="{classes}" x="{x - width / 2:g}" y="{y - height / 2:g}" '
        f'width="{width:g}" height="{height:g}" rx="{radius:g}"/>'
    )


def sign(function, x, y, radius=9):
    """Returns the sign of a pointwise operation: * of a product, + of a sum."""
    angles = {"product": (90, 30, -30), "sum": (90, 0)}[function]
    lines = ""
    for angle in map(math.radians, angles):
        dx, dy = radius * math.cos(angle), radius * math.sin(angle)
        lines += f"M{x - dx:.4g} {y - dy:.4g}L{x + dx:.4g} {y + dy:.4g}"
    return f'<path class="sign" d="{lines}"/>'


def wire(points, head=True):
    """Returns a line through points, with round corners and an arrowhead at its end."""
    (x, y), end = points[-2:]
    length = math.dist((x, y), end)
    ux, uy = (end[0] - x) / length, (end[1] - y) / length
    stop = (end[0] - ux * HEAD, end[1] - uy * HEAD) if head else end
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for start, corner, after in zip(points, points[1:], points[2:], strict=False):
        path += _corner(start, corner, after)
    path += f"L{stop[0]:.5g} {stop[1]:.5g}"
    line = f'<path class="wire" d="{path}"/>'
    return line + _arrowhead(end, (ux, uy)) if head else line


def _corner(start, corner, after):
    """Returns the path of a round corner."""
    (xa, ya), (xb, yb) = (
        [
            place + (other - place) * CORNER / math.dist(corner, point)
            for place, other in zip(corner, point, strict=True)
        ]
        for point in (start, after)
    )
    return f"L{xa:g} {ya:g}Q{corner[0]:g} {corner[1]:g} {xb:g} {yb:g}"


def _arrowhead(end, direction):
    """Returns a triangle with its tip at `end`, pointing in a direction."""
    (x, y), (ux, uy) = end, direction
    x_back, y_back = x - ux * (HEAD + 2), y - uy * (HEAD + 2)
    half = HEAD / 2 + 1
    return (
        f'<path class="head" d="M{x:.5g} {y:.5g}'
        f"L{x_back - uy * half:.5g} {y_back + ux * half:.5g}"
        f'L{x_back + uy * half:.5g} {y_back - ux * half:.5g}Z"/>'
    )


def broad_arrow(x, start, end, width):
    """Returns a filled arrow upwards from `start` to `end`, both y, around `x`."""
    half, wing, neck = width / 2, width / 2 + 6, end + 16
    return (
        f'<path class="head" d="M{x - half:g} {start:g}V{neck:g}H{x - wing:g}'
        f'L{x:g} {end:g}L{x + wing:g} {neck:g}H{x + half:g}V{start:g}Z"/>'
    )
