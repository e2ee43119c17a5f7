"""Reads the inputs of `predict` and `explain`: words, lines and rows of a file."""

import sys

from experiments.scored import Report, rows_of


def inputs_of(words):
    """Returns the user's inputs: words, or the lines of standard input."""
    inputs = words or _lines(sys.stdin.read())
    if not inputs:
        raise ValueError("No input. Give it as words, with --file, or piped.")
    return inputs


def _lines(text):
    """Returns the lines of a text; only line feeds separate lines, as in editors."""
    return [line.rstrip("\r") for line in text.removesuffix("\n").split("\n") if text]


def good_inputs(predictor, file, settings):
    """Returns the inputs of a file, and how many rows were left out for a fault.

    Raises:
        ValueError: If no row has an input.
    """
    report, inputs = Report(file), []
    for row in rows_of(predictor, file, settings)():
        report.add(row.fault)
        if not row.fault:
            inputs.append(row.input)
    report.close()
    if not inputs:
        raise ValueError(f"{file}: no row can be drawn.")
    return inputs, report.faults
