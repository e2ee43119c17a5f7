"""Draws how the weights of the four layers lie side by side, in the code's order."""

from experiments.drawings import svg
from experiments.drawings.equations import SYMBOLS, read_equations

WIDTH, HEIGHT = 640, 566
FIRST, BLOCK = 196, 108  # left edge of the first block, width of each
NAMES = {  # subscript of a block -> two lines, and the value in `lstm_step`
    "i": ("input", "gate", "i"),
    "f": ("forget", "gate", "f"),
    "C": ("candidate", "values", "c_tilde"),
    "o": ("output", "gate", "o"),
}
# Weight -> first and last y, letter of a block, what is multiplied by it, its rows.
WEIGHTS = {
    "kernel": (78, 162, "W", "x_t", "features rows"),
    "recurrent_kernel": (178, 288, "U", "h_{t-1}", "units rows"),
    "bias": (304, 340, "b", "", ""),
    "z": (366, 402, "z", "", ""),
}


def drawing():
    """Returns title, description, size and elements."""
    equations = read_equations()
    order = ", ".join(" ".join(NAMES[block][:2]) for block in equations.blocks)
    packed = {
        letter: ", ".join(f"{letter}_{block}" for block in equations.blocks)
        for letter in "WUb"
    }
    return (
        "The packing of the kernels",
        f"Four columns side by side, from left to right: {order}. Each is as wide as "
        f"there are units. The kernel holds {packed['W']}, the recurrent kernel "
        f"{packed['U']}, the bias {packed['b']}, all in this order. x_t times the "
        "kernel, plus h_{t-1} times the recurrent kernel, plus the bias gives z, which "
        "has the sums of all four layers in the same order. Each sum goes through the "
        "function of its layer.",
        (WIDTH, HEIGHT),
        [*_weights(equations.blocks), *_layers(equations)],
    )


def _weights(blocks):
    elements = []
    for name, (top, bottom, letter, factor, rows) in WEIGHTS.items():
        middle, width = (top + bottom) / 2, len(blocks) * BLOCK
        elements.append(
            svg.rectangle(FIRST + width / 2, middle, width, bottom - top, "shape", 4)
        )
        for place, block in enumerate(blocks):
            x = FIRST + place * BLOCK
            if place:
                elements.append(svg.wire([(x, top), (x, bottom)], head=False))
            subscript = block if name != "z" else block.lower()
            label = svg.text(x + BLOCK / 2, middle, f"{letter}_{subscript}", 22)
            elements.append(label)
        if factor:
            elements += [
                svg.text(FIRST - 14, middle - 18, f"{factor} times", 20, "end"),
                svg.text(FIRST - 14, middle + 8, name, 18, "end", "code"),
                svg.text(FIRST - 14, middle + 32, rows, 18, "end", "faint"),
            ]
        else:
            elements.append(svg.text(FIRST - 14, middle, name, 18, "end", "code"))
    return [
        *elements,
        svg.text(FIRST - 14, 38, "units columns each", 18, "end", "faint"),
        svg.sign("sum", 20, 170, 7),
        svg.sign("sum", 20, 322, 7),
        svg.text(20, 384, "=", 24),
    ]


def _layers(equations):
    elements = []
    for place, block in enumerate(equations.blocks):
        x = FIRST + (place + 0.5) * BLOCK
        *lines, value = NAMES[block]
        bottom, layer, result = WEIGHTS["z"][1], 464, 536
        elements += [
            *(svg.text(x, 26 + 24 * n, line, 18) for n, line in enumerate(lines)),
            svg.wire([(x, bottom), (x, layer - 20)]),
            svg.rectangle(x, layer, BLOCK - 10, 40),
            svg.text(x, layer, equations.functions[block], 18, classes="code"),
            svg.wire([(x, layer + 20), (x, result - 18)]),
            svg.text(x, result, SYMBOLS[value], 22),
        ]
    return elements
