"""The command line of a benchmark, and what it records."""

import argparse
import datetime

from apps.common.portable.files import write_json
from experiments.machine import VERSIONS, hardware, versions
from experiments.tables import update_tables


def parser_of(name, description, page):
    """Returns the parser of a benchmark, with `--record`.

    Args:
        name: Name of the benchmark: of its module, its result and its table.
        description: What it measures, for the help text.
        page: Path of the page with its table.
    """
    parser = argparse.ArgumentParser(
        prog=command_of(name),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help=f"write experiments/results/{name}.json and the table of {page.name}",
    )
    return parser


def command_of(name):
    """Returns the command that runs a benchmark."""
    return f"python -m experiments.benchmarks.{name}"


def circumstances(name, arguments="", packages=VERSIONS):
    """Returns what a result says of how it came about.

    Args:
        name: Name of the benchmark.
        arguments: Those of the command line that change the result.
        packages: Packages whose versions it names.
    """
    return {
        "command": " ".join([command_of(name), *arguments.split(), "--record"]),
        "hardware": hardware(),
        "versions": versions(packages),
        "date": datetime.date.today().isoformat(),
    }


def record(path, page, result, recorded_table):
    """Writes the result of a benchmark, then the table of its page.

    Args:
        path: Path of the result; it has the name of the benchmark.
        page: Path of the page with its table.
        result: What to write, as JSON.
        recorded_table: Returns the table of what was written.
    """
    write_json(path, result, indent=1)
    update_tables(page, {path.stem: recorded_table()})
