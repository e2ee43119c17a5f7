"""Draws how a gradient goes back through a simple RNN, and along the cell state."""

import itertools

from experiments.drawings import svg

WIDTH, HEIGHT = 640, 720
ROWS = (164, 314, 464, 614)  # y of the four states, the earliest first
STATES = ("t-3", "t-2", "t-1", "t")
# Examples of what one step multiplies the gradient by.
RNN_FACTOR, FORGET_GATE = 0.5, 0.9
BROAD = 26  # width of an arrow that stands for the whole gradient


def shares(factor):
    """Returns the gradient at each of the four states, as a share of that at the last.

    >>> shares(0.5)
    [0.125, 0.25, 0.5, 1.0]
    """
    return [float(factor**steps) for steps in range(len(ROWS) - 1, -1, -1)]


def drawing():
    """Returns title, description, size and elements."""
    rnn, lstm = (
        ", ".join(f"{share:.3g}" for share in reversed(shares(factor)))
        for factor in (RNN_FACTOR, FORGET_GATE)
    )
    return (
        "The gradient's way back",
        "Two columns of four states, time from top to bottom. Broad arrows are the "
        "gradient on its way back, from bottom to top. Left, in a simple RNN, each "
        "step goes back through a tanh and the matrix U. If that halves the gradient, "
        f"it is {rnn} at the states: the arrows become thin. Right, along the cell "
        "state of an LSTM, each step goes back through a sum, which changes nothing, "
        f"and a product with f. Where f is {FORGET_GATE}, the gradient is {lstm}: the "
        "arrows stay broad. Where f is 1, it arrives whole.",
        (WIDTH, HEIGHT),
        [
            *_column(74, "h", "simple RNN", RNN_FACTOR, "tanh and U"),
            *_column(410, "C", "LSTM, along the cell", FORGET_GATE, "only f"),
            svg.text(
                *(
                    WIDTH / 2,
                    HEIGHT - 22,
                    "The paths through h and the gates are left out.",
                ),
                18,
                classes="faint",
            ),
        ],
    )


def _column(x, state, heading, factor, what):
    """Returns one network: its states, what lies between them, and the gradient."""
    is_cell = state == "C"
    back = x + 108
    elements = [
        svg.text(x - 50, 32, heading, 21, "start", "strong"),
        svg.text(x - 50, 60, f"each step: {what}", 18, "start"),
        svg.text(x - 50, 86, f"for example, times {factor:g}", 18, "start"),
        svg.text(back, ROWS[0] - 34, "gradient", 18, classes="lit"),
        svg.text(back, ROWS[-1] + 26, "from the loss", 18, classes="lit"),
    ]
    for y, step, share in zip(ROWS, STATES, shares(factor), strict=True):
        elements += [
            svg.text(
                x, y, f"{state}_{{{step}}}", 22, classes="state" if is_cell else ""
            ),
            svg.text(back, y, f"{share:.3g}", 20, classes="lit"),
        ]
    for (y, below), share, step in zip(
        itertools.pairwise(ROWS), shares(factor)[1:], STATES[1:], strict=True
    ):
        arrow = svg.broad_arrow(
            back, below - 18, y + 18, max(BROAD * share * factor, 1.5)
        )
        elements.append(svg.group([arrow], "lit"))
        elements += _cell_step(x, y, below, step) if is_cell else _rnn_step(x, y, below)
    return elements


def _rnn_step(x, y, below):
    layer = y + 70
    return [
        svg.wire([(x, y + 22), (x, layer - 22)]),
        svg.rectangle(x, layer, 92, 44),
        svg.text(x, layer, "U, tanh", 18),
        svg.wire([(x, layer + 22), (x, below - 20)]),
    ]


def _cell_step(x, y, below, step):
    product, total = y + 46, y + 92
    return [
        svg.group([svg.wire([(x, y + 22), (x, below - 20)])], "state"),
        *(
            element
            for function, place in (("product", product), ("sum", total))
            for element in (
                svg.rectangle(x, place, 30, 30, radius=15),
                svg.sign(function, x, place, 7),
            )
        ),
        svg.wire([(x - 44, product), (x - 15, product)]),
        svg.text(x - 50, product, f"f_{{{step}}}", 18, "end"),
        svg.wire([(x - 44, total), (x - 15, total)]),
        svg.text(x - 50, total, f"i_{{{step}}} * C~_{{{step}}}", 18, "end"),
    ]
