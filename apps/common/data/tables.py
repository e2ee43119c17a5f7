"""Reads the user's labelled texts from CSV, TSV and JSON Lines files."""

import csv
import json

from apps.common.portable.files import open_text


def labelled_rows(
    path,
    text_column,
    label_column,
    settings=("data.text_column", "data.label_column"),
):
    """Yields `(text, label)` for each record of a CSV, TSV or JSON Lines file.

    Only one record is in memory at a time: an error is raised when the iteration
    reaches its line.

    Args:
        path: Path of the file.
        text_column: Name of the column, or JSON key, of the text.
        label_column: Name of the column, or JSON key, of the label or other target.
        settings: Names of the two settings, for error messages.

    Raises:
        ValueError: If there is no such file, or a line is wrong; the message has the
            line number.
    """
    wanted, empty = (text_column, label_column), True
    for line, row in _records(path):
        text, label = (row.get(column) for column in wanted)
        label = "" if label is None else " ".join(str(label).split())
        missing = [
            c for c, gap in zip(wanted, (text is None, not label), strict=True) if gap
        ]
        if missing:
            raise ValueError(
                f"{path}:{line}: no {' and no '.join(map(repr, missing))}. The columns "
                f"are: {', '.join(map(str, row))}. Set {settings[0]}=... and "
                f"{settings[1]}=..."
            )
        empty = False
        yield _without_surrogates(str(text)), _without_surrogates(label)
    if empty:
        raise ValueError(
            f"{path}: no records. Give at least one line with a text and a label."
        )


def _without_surrogates(text):
    """Replaces unpaired surrogates, which JSON can encode, by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _records(path):
    """Yields `(line, record)` of a CSV, TSV or JSON Lines file."""
    with open_text(path) as file:
        if path.suffix in (".jsonl", ".ndjson", ".json"):
            yield from _objects(path, file)
        elif path.suffix in (".csv", ".tsv"):
            yield from _fields(path, file)
        else:
            raise ValueError(
                f"{path}: expected a file name that ends in .csv, .tsv or .jsonl."
            )


def _objects(path, file):
    for line, content in enumerate(file, start=1):
        if not content.strip():
            continue
        try:
            record = json.loads(content.rstrip("\n"))
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{path}:{line}: not JSON: {error}.") from None
        if not isinstance(record, dict):
            raise ValueError(f"{path}:{line}: expected one JSON object per line.")
        yield line, record


def _fields(path, file):
    csv.field_size_limit(2**31 - 1)
    delimiter = "\t" if path.suffix == ".tsv" else ","
    lines, next_line = [], next(file, None)  # of the current record, and after it

    def recorded():
        nonlocal next_line
        while next_line is not None:
            lines.append(next_line)
            next_line = next(file, None)
            yield lines[-1]

    reader = csv.DictReader(recorded(), delimiter=delimiter)
    if reader.fieldnames:
        lines.clear()
    for record in reader:
        if next_line is None:
            _check_end(path, lines, reader.line_num - len(lines), delimiter)
        lines.clear()
        if None in record:
            raise ValueError(
                f"{path}:{reader.line_num}: more fields than the header has. Put "
                "texts that contain the delimiter in double quotes."
            )
        yield reader.line_num, record


def _check_end(path, lines, before, delimiter):
    """Raises ValueError if the last record has an unterminated quoted field.

    Args:
        path: Path of the file, for the message.
        lines: Lines of the last record.
        before: Number of lines before the last record.
        delimiter: Character between fields.
    """
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise ValueError(
                f"{path}:{before + 1}: unterminated quoted field: the quote opened "
                "here is never closed. Is the file truncated?"
            ) from None
