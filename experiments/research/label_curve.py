"""Measures how many labels a pretrained language model saves.

    python -m experiments.language_modeling imdb train     # first, once: 70 minutes
    python -m experiments.research.label_curve --labels 100 1000
    python -m experiments.research.label_curve --record   # all: three hours, resumable

The curve trains one classifier on 100 to 25,000 labelled IMDB reviews from three
starts: the language model, random weights, and the recipe with pretrained word vectors.
Random weights have a vocabulary from the labelled reviews. Each point is a training of
`experiments.sentiment`; a hash selects its reviews. A fixed tenth of the 25,000 reviews
is the validation set; "25,000" trains on all others. The accuracy is that on the 25,000
test reviews.
"""

import argparse
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

from apps.common.portable.files import write_json
from apps.common.portable.run_files import METRICS
from apps.common.portable.terminal import report_errors
from experiments.machine import hardware, versions
from experiments.tables import RESULTS, SENTIMENT_PAGE, markdown_table, update_tables
from experiments.task import RUNS

NAME, PAGE = "label_curve", SENTIMENT_PAGE
RESULT, PICTURE = RESULTS / f"{NAME}.json", RESULTS / f"{NAME}.png"
COMMAND = f"python -m experiments.research.{NAME}"
RUN = RUNS / NAME
KINDS = {  # start of the training: recipe, and changes of the recipe
    "language-model": ("imdb_pretrained", []),
    "random-weights": ("imdb_pretrained", ['model.pretrained=""']),
    "word-vectors": ("imdb", []),
}
EVERY = 25_000
STEPS = {  # by number of labels: settings for a few hundred steps
    100: ["train.batch_size=8", "train.average_momentum=0.9"],
    1000: ["train.batch_size=16", "train.average_momentum=0.98"],
    5000: ["train.batch_size=32", "train.average_momentum=0.99"],
    EVERY: [],
}
EPOCHS = {100: 10, 1000: 6, 5000: 2}
LONGER = 3  # factor of the epochs without a language model, which learn more slowly


def command(kind, labels, directory):
    """Returns the arguments of Python that train and evaluate one point.

    Args:
        kind: A name of `KINDS`.
        labels: Number of labelled reviews.
        directory: The run directory.
    """
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
    """Trains and evaluates one point of the curve; a finished run is only read.

    Args:
        kind: A name of `KINDS`.
        labels: Number of labelled reviews.
        directory: Directory for the run directories.

    Returns:
        A dictionary: kind, labels, accuracy on the test split, parameters, minutes of
        training, hardware, versions and date.

    Raises:
        ValueError: If the training fails.
    """
    recipe, changes = KINDS[kind]
    run = Path(directory, f"{kind}-{labels}")
    if labels == EVERY and not changes:  # the recipe's own run
        run = RUNS / "sentiment" / recipe / "seed-1"
    print(f"From {_name(kind)}, {labels:,} labels: {run}", flush=True)
    if subprocess.run([sys.executable, *command(kind, labels, run)]).returncode:
        raise ValueError(f"{run}: the training failed. See its output above.")
    metrics = json.loads((run / METRICS).read_text(encoding="utf-8"))
    return {
        "kind": kind,
        "labels": labels,
        "accuracy": round(metrics["accuracy"], 4),
        "parameters": metrics["parameters"],
        "minutes": round(metrics["train_minutes"], 1),
        "hardware": hardware(),
        "versions": versions(),
        "date": date.fromtimestamp((run / METRICS).stat().st_mtime).isoformat(),
    }


def table(rows):
    """Returns the accuracies as a Markdown table: rows are kinds, columns labels."""
    numbers = sorted({row["labels"] for row in rows})
    accuracy = {(row["kind"], row["labels"]): row["accuracy"] for row in rows}

    def cell(kind, number):
        place = kind, number
        return f"{accuracy[place]:.3f}" if place in accuracy else ""

    return markdown_table(
        ("begins from", *(f"{number:,} labels" for number in numbers)),
        [
            (_name(kind), *(cell(kind, number) for number in numbers))
            for kind in dict.fromkeys(row["kind"] for row in rows)
        ],
    )


def _name(kind):
    return kind.replace("-", " ")


def plot(rows, path):
    """Plots accuracy against the number of labels, one line per kind."""
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
    """Returns the Markdown table of the recorded curve, with command and hardware."""
    recorded = json.loads(RESULT.read_text(encoding="utf-8"))
    rows = recorded["rows"]
    minutes = sum(row["minutes"] for row in rows)
    machines = " and ".join(sorted({row["hardware"] for row in rows}))
    return (
        f"{table(rows)}\n\nAccuracy on the 25,000 test reviews, one seed. "
        f"`{recorded['command']}`: {minutes:.0f} minutes of training on {machines}, "
        f"{max(row['date'] for row in rows)}."
    )


def record(rows):
    """Adds points to the recorded curve; redraws its picture and its table."""
    before = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []
    by_place = {(row["kind"], row["labels"]): row for row in [*before, *rows]}
    rows = [
        by_place[kind, labels]
        for kind in KINDS
        for labels in STEPS
        if (kind, labels) in by_place
    ]
    write_json(RESULT, {"command": f"{COMMAND} --record", "rows": rows}, indent=1)
    plot(rows, PICTURE)
    update_tables(PAGE, {NAME: recorded_table()})


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
        prog=COMMAND,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--labels",
        type=int,
        nargs="+",
        choices=list(STEPS),
        help="numbers of labels (default: all)",
    )
    parser.add_argument(
        "--begins-from",
        nargs="+",
        choices=list(KINDS),
        help="starts of the training (default: all)",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=RUN,
        help=f"run directories go here (default: {RUN})",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the points to experiments/results and to docs/sentiment.md",
    )
    return parser


if __name__ == "__main__":
    main()
