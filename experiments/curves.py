"""Draws learning curves as small SVGs that a page holds inline."""

WIDTH, HEIGHT, MARGIN = 220, 110, 8  # of the drawing, in its own units
NO_METRICS = ("epoch", "seconds")  # columns of history.csv


def learning_curves(history):
    """Returns one small chart for each metric that was measured after every epoch.

    Args:
        history: Rows of `history.csv`, as `read_history` returns them.

    Returns:
        A list with a dictionary for each chart: `name` of the metric; `low` and `high`,
        the values at the bottom and at the top, as texts; and `lines`, each with `name`
        ("training" or "validation"), `points` as SVG takes them, and `marks`: x, y and
        text of each point. With fewer than two epochs the list is empty.
    """
    if len(history) < 2:
        return []
    names = [n for n in history[0] if n not in NO_METRICS and not n.startswith("val_")]
    return [_chart(history, name) for name in sorted(names, key=lambda n: n != "loss")]


def _chart(history, name):
    columns = {"training": name, "validation": f"val_{name}"}
    values = {
        line: [row[column] for row in history]
        for line, column in columns.items()
        if column in history[0]
    }
    low, high = (edge(map(edge, values.values())) for edge in (min, max))
    span = (high - low) or 1.0
    return {
        "name": name,
        "low": f"{low:.3g}",
        "high": f"{high:.3g}",
        "epochs": len(history),
        "lines": [_line(line, column, low, span) for line, column in values.items()],
    }


def _line(name, values, low, span):
    step = (WIDTH - 2 * MARGIN) / (len(values) - 1)
    marks = [
        (
            round(MARGIN + n * step, 1),
            round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / span, 1),
            f"{name}, epoch {n + 1}: {value:.4g}",
        )
        for n, value in enumerate(values)
    ]
    points = " ".join(f"{x},{y}" for x, y, _ in marks)
    return {"name": name, "points": points, "marks": marks}
