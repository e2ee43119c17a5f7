"""The command line of the benchmarks that compare the engines."""

import argparse
import datetime

from apps.common.portable.files import write_json
from experiments.machine import hardware, versions
from experiments.tables import RESULTS
from serving.exports import RUNS


def parser_of(name, description):
    """Returns the parser of a benchmark, with its runs and `--record`."""
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        nargs="*",
        default=[RUNS],
        metavar="RUN",
        help="run directories, or directories with runs at any depth (default: runs)",
    )
    parser.add_argument(
        "--record", action="store_true", help=f"write experiments/results/{name}.json"
    )
    return parser


def circumstances(name):
    """Returns what a result says of how it came about."""
    return {
        "command": f"python -m experiments.benchmarks.{name} --record",
        "hardware": hardware(),
        "versions": versions(("tensorflow", "onnxruntime", "numpy")),
        "date": datetime.date.today().isoformat(),
    }


def record(name, result):
    """Writes the result of a benchmark."""
    write_json(RESULTS / f"{name}.json", result, indent=1)
