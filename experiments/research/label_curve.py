"""How many labels does a language model save? Trains with few and with many.

    python -m experiments.language_modeling imdb train     # first, once: 70 minutes
    python -m experiments.research.label_curve --labels 100 1000
    python -m experiments.research.label_curve --record   # all: three hours, resumable

The same reader begins from the language model, and from random weights with the words
of its own reviews; beside it stands the recipe that begins from word vectors. Each is
a training of `experiments.sentiment` on so many labelled IMDB reviews, drawn by a hash.
A tenth of the 25,000, the same for all, says when to stop; "25,000" learns from all
others. What is measured are the 25,000 test reviews.
"""

import argparse
import json
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

from apps.common.portable.files import atomic_write
from apps.common.portable.run_files import METRICS
from apps.common.portable.terminal import report_errors
from experiments.results.tables import (
    README,
    RESULTS,
    VERSIONS,
    hardware,
    update_tables,
)
from experiments.run import RUNS

NAME = "label_curve"
RESULT, PICTURE = RESULTS / f"{NAME}.json", RESULTS / f"{NAME}.png"
RUN = Path("runs", NAME)
KINDS = {  # what the reader begins from: its recipe, and what of it is changed
    "language-model": ("imdb_pretrained", []),
    "random-weights": ("imdb_pretrained", ['model.pretrained=""']),
    "word-vectors": ("imdb", []),
}
EVERY = 25_000
STEPS = {  # by labels: how few labels are learnt from in some hundred steps
    100: ["train.batch_size=8", "train.average_momentum=0.9"],
    1000: ["train.batch_size=16", "train.average_momentum=0.98"],
    5000: ["train.batch_size=32", "train.average_momentum=0.99"],
    EVERY: [],
}
EPOCHS = {100: 10, 1000: 6, 5000: 2}
LONGER = 3  # times as many for what has not read before, so that it can learn as well


def command(kind, labels, directory):
    """Returns the words of the command that trains and measures one point."""
    recipe, changes = KINDS[kind]
    words = ["-m", "experiments.sentiment", recipe, "train", "evaluate", *changes]
    if labels < EVERY:
        epochs = EPOCHS[labels] * (1 if kind == "language-model" else LONGER)
        words += [
            *(f"data.labelled={labels}", "train.evaluations_per_epoch=1"),
            *(*STEPS[labels], f"train.epochs={epochs}"),
            f"train.patience={max(4, epochs // 2)}",
        ]
    return [*words, f"run_directory={directory}"]


def measure(kind, labels, directory):
    """Trains and measures one point of the curve, unless it is there.

    Returns:
        A dictionary: kind, labels, accuracy on the test split, parameters, minutes of
        training, and where and when it was measured.

    Raises:
        ValueError: If the training fails.
    """
    recipe, changes = KINDS[kind]
    run = Path(directory, f"{kind}-{labels}")
    if labels == EVERY and not changes:  # the recipe's own run
        run = RUNS / "sentiment" / recipe / "seed-1"
    print(f"From {_name(kind)}, {labels:,} labels: {run}", flush=True)
    if subprocess.run([sys.executable, *command(kind, labels, run)]).returncode:
        raise ValueError(f"{run}: the training failed; what it said stands above.")
    found = json.loads((run / METRICS).read_text(encoding="utf-8"))
    return {
        "kind": kind,
        "labels": labels,
        "accuracy": round(found["accuracy"], 4),
        "parameters": found["parameters"],
        "minutes": round(found["train_minutes"], 1),
        "hardware": hardware(),
        "versions": {package: version(package) for package in VERSIONS},
        "date": date.fromtimestamp((run / METRICS).stat().st_mtime).isoformat(),
    }


def table(rows):
    """Returns the accuracies as a Markdown table: a row a kind, a column a number."""
    numbers = sorted({row["labels"] for row in rows})
    accuracy = {(row["kind"], row["labels"]): row["accuracy"] for row in rows}
    lines = [
        "| begins from | " + " | ".join(f"{n:,} labels" for n in numbers) + " |",
        "|---|" + "---|" * len(numbers),
    ]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        cells = [
            f"{accuracy[kind, n]:.3f}" if (kind, n) in accuracy else "" for n in numbers
        ]
        lines.append(f"| {_name(kind)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _name(kind):
    return kind.replace("-", " ")


def plot(rows, path):
    """Draws accuracy against the number of labels, a line a kind."""
    import matplotlib.pyplot as plt

    from apps.common.metrics.plots import save_figure

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        labels = [row["labels"] for row in mine]
        axes.plot(labels, [row["accuracy"] for row in mine], "o-", label=_name(kind))
    axes.axhline(0.5, color="gray", ls="--", label="chance")
    ticks = sorted({row["labels"] for row in rows})
    axes.set(
        xscale="log", xlabel="labelled reviews", ylabel="accuracy on the test split"
    )
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def recorded_table():
    """Returns the Markdown table of the recorded curve, and how it was measured."""
    found = json.loads(RESULT.read_text(encoding="utf-8"))
    rows = found["rows"]
    minutes = sum(row["minutes"] for row in rows)
    machines = " and ".join(sorted({row["hardware"] for row in rows}))
    return (
        f"{table(rows)}\n\nAccuracy on the 25,000 test reviews, one seed. "
        f"`{found['command']}`: {minutes:.0f} minutes of training on {machines}, "
        f"{max(row['date'] for row in rows)}."
    )


def record(rows):
    """Writes points of the curve beside those recorded before, picture and table."""
    before = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []
    by_place = {(row["kind"], row["labels"]): row for row in [*before, *rows]}
    rows = [
        by_place[kind, labels]
        for kind in KINDS
        for labels in STEPS
        if (kind, labels) in by_place
    ]
    found = {
        "command": f"python -m experiments.{NAME} --record",
        "rows": rows,
    }
    with atomic_write(RESULT) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    plot(rows, PICTURE)
    update_tables(README, {NAME: recorded_table()})


def main(arguments=None):
    """Runs the command line."""
    options = _parser().parse_args(arguments)
    with report_errors():
        rows = [
            measure(kind, labels, options.directory)
            for labels in sorted(options.labels or STEPS)
            for kind in options.begins_from or KINDS
        ]
        picture = options.directory / "curve.png"
        plot(rows, picture)
        print(f"\n{table(rows)}\n\nDrawn: {picture}")
        if options.record:
            record(rows)
            print(f"Recorded: {RESULT}")


def _parser():
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{NAME}",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--labels",
        type=int,
        nargs="+",
        choices=list(STEPS),
        help="numbers of labels (default: all of these)",
    )
    parser.add_argument(
        "--begins-from",
        nargs="+",
        choices=list(KINDS),
        help="what the reader begins from (default: all of these)",
    )
    parser.add_argument(
        "--directory", type=Path, default=RUN, help=f"for the runs (default: {RUN})"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write what was measured to the README",
    )
    return parser


if __name__ == "__main__":
    main()
