"""Writes rows as CSV, TSV or JSON Lines."""

import csv
import json

SEPARATORS = {".csv": ",", ".tsv": "\t", ".jsonl": None}


def row_writer(file, suffix, names):
    """Returns a function that writes a dictionary as a row of a file.

    Args:
        file: An open text file.
        suffix: ".csv" or ".tsv", whose first row are the names; or ".jsonl".
        names: Names of the columns.
    """
    if suffix == ".jsonl":
        return lambda row: file.write(as_json(row) + "\n")
    form = {"delimiter": SEPARATORS[suffix], "lineterminator": "\n"}
    plain = csv.writer(file, **form)
    quoted = csv.writer(file, **form, quoting=csv.QUOTE_ALL)

    def write(row):
        cells = [_cell(row.get(name)) for name in names]
        # Python before 3.13 leaves a carriage return bare, which would end the row.
        has_return = any("\r" in cell for cell in cells if cell)
        (quoted if has_return else plain).writerow(cells)

    plain.writerow(names)
    return write


def _cell(value):
    """Returns a value as the text of a field: what is no text as JSON."""
    if value is None or isinstance(value, str):
        return value
    return as_json(value)


def as_json(value):
    """Returns a value as a line of JSON; unpaired surrogates become question marks."""
    line = json.dumps(value, ensure_ascii=False)
    return line.encode("utf-8", "replace").decode()
