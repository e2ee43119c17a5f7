"""Builds the notebooks of docs/notebooks as .ipynb files, and runs them.

    python -m experiments.notebooks                       # all, with their outputs
    python -m experiments.notebooks 01 04 --no-run        # two, without outputs

docs/notebooks has each notebook as a Python file in the percent format. Beside each
`NAME.ipynb` stands `NAME_solved.ipynb`, which ends with the solutions of its exercises.
"""

import argparse
import os
import resource
import time
from importlib.util import find_spec
from pathlib import Path

from apps.common.portable.files import atomic_write
from apps.common.portable.terminal import report_errors
from experiments.tables import ROOT

SOURCES = ROOT / "docs" / "notebooks"
SOLUTIONS = SOURCES / "solutions"
OUTPUT = Path("notebooks")
TIMEOUT_S = 300  # maximum time of a cell
PACKAGES = ("jupytext", "nbclient", "ipykernel")


def names():
    """Returns the names of the notebooks in their order, such as 01_the_cell."""
    return sorted(path.stem for path in SOURCES.glob("[0-9][0-9]_*.py"))


def chosen(beginnings):
    """Returns the notebooks whose names begin so; all of them if none is given.

    Raises:
        ValueError: If no name begins with one of `beginnings`.
    """
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in names()):
            raise ValueError(
                f"{beginning!r}: no notebook begins with it. Expected one of: "
                f"{', '.join(names())}."
            )
    return [name for name in names() if name.startswith(tuple(beginnings or [""]))]


def read(name, repository=""):
    """Returns a notebook without outputs, and the number of cells before its solutions.

    Args:
        name: One of `names()`.
        repository: Address from which the first cell clones this repository; empty for
            notebooks that run inside it.
    """
    import jupytext

    notebook = jupytext.read(SOURCES / f"{name}.py", fmt="py:percent")
    cells = len(notebook.cells)
    notebook.cells += jupytext.read(SOLUTIONS / f"{name}.py", fmt="py:percent").cells
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    del notebook.metadata["jupytext"]
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number}"
    if repository:
        setup = next(cell for cell in notebook.cells if cell.cell_type == "code")
        setup.source = setup.source.replace(
            'REPOSITORY = ""', f"REPOSITORY = {repository!r}"
        )
    return notebook, cells


def run(notebook, directory):
    """Runs a notebook in a fresh kernel; its cells then have their outputs.

    Args:
        notebook: A notebook, as `read` returns it.
        directory: Working directory of the kernel, where the notebook writes files.

    Returns:
        The wall time and the processor time in seconds, that of its processes included.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails; the message has the
            cell and its traceback.
    """
    import nbclient

    client = nbclient.NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(directory)}},
        extra_arguments=["--log-level=ERROR"],  # of the kernel
    )
    # Plots go into the notebook, whatever MPLBACKEND says.
    environment = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    environment["PYTHONPATH"] = str(ROOT)
    began, used = time.monotonic(), _processor_seconds()
    client.execute(env=environment)
    return time.monotonic() - began, _processor_seconds() - used


def _processor_seconds():
    """Returns the processor time of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def write(notebook, cells, directory, name):
    """Writes `NAME.ipynb`, and with the solutions `NAME_solved.ipynb`."""
    import nbformat

    solved = f"{name}_solved"
    for stem, part in ((name, notebook.cells[:cells]), (solved, notebook.cells)):
        with atomic_write(Path(directory, f"{stem}.ipynb")) as temporary:
            nbformat.write(nbformat.from_dict({**notebook, "cells": part}), temporary)


def _check_packages():
    """Raises ValueError if a package of requirements-notebooks.txt is missing."""
    for package in PACKAGES:
        if not find_spec(package):
            raise ValueError(
                f"The notebooks need {package}: pip install -r "
                "requirements-notebooks.txt"
            )


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.notebooks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("notebooks", nargs="*", help="how their names begin, such as 01 (default: all)")
    add(
        "--directory",
        type=Path,
        default=OUTPUT,
        help=f"the .ipynb files, and what the notebooks write (default: {OUTPUT})",
    )
    add("--no-run", action="store_true", help="write the notebooks without outputs")
    add(
        "--repository",
        default="",
        help="address from which a notebook outside this checkout clones it",
    )
    options = parser.parse_args(arguments)
    with report_errors():
        selected = chosen(options.notebooks)
        _check_packages()
        options.directory.mkdir(parents=True, exist_ok=True)
        for name in selected:
            notebook, cells = read(name, options.repository)
            seconds = ""
            try:
                if not options.no_run:
                    wall, processor = run(notebook, options.directory)
                    seconds = f": {wall:.0f} s, {processor:.0f} s of processor time"
            finally:  # a cell that failed has its error in the file
                write(notebook, cells, options.directory, name)
            print(f"{options.directory / name}.ipynb{seconds}", flush=True)


if __name__ == "__main__":
    main()
