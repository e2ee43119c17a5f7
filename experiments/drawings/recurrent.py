"""Draws a recurrent network with its loop, and the same network unrolled."""

from experiments.drawings import svg

WIDTH, HEIGHT = 640, 520
LOOP, UNROLLED = 150, 490  # columns
MIDDLE = 215  # y of the network with its loop
ROWS = {"1": 122, "2": 222, "3": 322, "T": 444}
HALF_WIDTH, HALF_HEIGHT = 56, 29  # of a layer


def drawing():
    """Returns title, description, size and elements."""
    return (
        "A recurrent network, and the same unrolled",
        "Left: a recurrent network is a layer, a tanh, with a loop. It reads x_t and "
        "its own previous output h_{t-1}, and gives h_t. Right: the same network "
        "unrolled, time from top to bottom. There is a copy of the layer for each of "
        "x_1, x_2, x_3 to x_T; each copy passes its output h down to the next. All "
        "copies have the same weights W, U, b.",
        (WIDTH, HEIGHT),
        [*_with_loop(), *_unrolled()],
    )


def _layer(x, y):
    """Returns a layer, its arrow from the left and its arrow to the right."""
    return [
        svg.wire([(x - HALF_WIDTH - 50, y), (x - HALF_WIDTH, y)]),
        svg.wire([(x + HALF_WIDTH, y), (x + HALF_WIDTH + 50, y)]),
        svg.rectangle(x, y, 2 * HALF_WIDTH, 2 * HALF_HEIGHT),
        svg.text(x, y, "tanh", 20, classes="code"),
    ]


def _with_loop():
    x, y, low = LOOP, MIDDLE, MIDDLE + 92
    right = x + HALF_WIDTH + 22
    loop = [(right, y), (right, low), (x, low), (x, y + HALF_HEIGHT)]
    return [
        svg.text(x, 30, "with its loop", 20, classes="strong"),
        *_layer(x, y),
        svg.group([svg.wire(loop)], "lit"),
        svg.group([f'<circle class="head" cx="{right}" cy="{y}" r="5"/>'], "lit"),
        svg.text(x - HALF_WIDTH - 66, y, "x_t", 22),
        svg.text(x + HALF_WIDTH + 70, y, "h_t", 22),
        svg.text(x + 34, low + 22, "h_{t-1}", 22, classes="lit"),
        svg.text(16, low + 94, "h_t = tanh(x_t W + h_{t-1} U + b)", 19, "start"),
    ]


def _unrolled():
    x, elements = UNROLLED, []
    elements.append(svg.text(x, 30, "unrolled over time", 20, classes="strong"))
    before, previous = ROWS["1"] - HALF_HEIGHT - 34, "0"
    for step, y in ROWS.items():
        down = [(x, before), (x, y - HALF_HEIGHT)]
        elements.append(
            svg.group([svg.wire(down)], "lit dashed" if step == "T" else "lit")
        )
        if step != "T":
            middle = (before + y - HALF_HEIGHT) / 2
            label = svg.text(x + 12, middle, f"h_{previous}", 20, "start", "lit")
            elements.append(label)
        elements += _layer(x, y)
        elements.append(svg.text(x - HALF_WIDTH - 66, y, f"x_{step}", 22))
        elements.append(svg.text(x + HALF_WIDTH + 68, y, f"h_{step}", 22))
        before, previous = y + HALF_HEIGHT, step
    elements.append(svg.text(x, HEIGHT - 22, "the same W, U, b in each step", 18))
    return elements
