"""Compares the recipe `files` with TF-IDF on the user's kind of files.

    python -m experiments.research.own_files --make       # the CSV files alone
    python -m experiments.research.own_files --sets tweets --splits 1
    python -m experiments.research.own_files --record      # all: hours, resumable

Nine sets of labelled texts are cut into random splits, a CSV file to learn from and one
to test on. They are film, product and news snippets, reviews, encyclopedia articles by
subject, messages by language, and reviews in Chinese. On each, three methods are
measured: logistic regression on TF-IDF, the recipe with the settings that it had before
it adapted to the data ("fixed"), and the recipe ("adapted").
"""

import argparse
import os
from pathlib import Path

from apps.common.portable.terminal import report_errors
from experiments.research.own_files.report import (
    COMMAND,
    RESULT,
    record,
    table,
)
from experiments.task import RUNS

SPLITS = 5


def main(arguments=None):
    """Runs the command line."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with report_errors():
        from experiments.research.own_files.measure import METHODS, points
        from experiments.research.own_files.sets import SETS, make

        options = _parser(SETS, METHODS).parse_args(arguments)
        splits = range(1, options.splits + 1)
        chosen = options.sets or list(SETS), splits
        partly = options.sets or options.methods or options.splits != SPLITS
        if options.record and partly:
            raise ValueError(
                f"--record: expected all sets, methods and {SPLITS} splits, which the "
                "table is of. Leave out --sets, --methods and --splits."
            )
        if options.make:
            for name in chosen[0]:
                for split in splits:
                    files = options.directory / "files" / name / str(split)
                    make(name, split, files)
                    print(f"Written: {files}/train.csv, test.csv")
            return
        measured = []
        methods = options.methods or list(METHODS)
        for point in points(*chosen, methods, options.directory):
            print(
                "{set}, split {split}, {method}: {accuracy:.4f}".format(**point),
                flush=True,
            )
            measured.append(point)
        if set(METHODS) <= set(methods):
            print(f"\n{table(measured)}")
        if options.record:
            record(measured)
            print(f"Recorded: {RESULT}")


def _parser(sets, methods):
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--make", action="store_true", help="write the CSV files alone")
    parser.add_argument(
        "--sets", nargs="+", choices=list(sets), help="sets (default: all)"
    )
    parser.add_argument(
        "--splits", type=int, default=SPLITS, help="number of splits (%(default)s)"
    )
    parser.add_argument(
        "--methods", nargs="+", choices=list(methods), help="methods (default: all)"
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=RUNS / "own_files",
        help="data and run directories go here (%(default)s)",
    )
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.name}")
    return parser


if __name__ == "__main__":
    main()
