"""Reads the user's labelled texts from CSV, TSV and JSON Lines files."""

import itertools

from apps.common.data.delimited import delimited_rows
from apps.common.data.faulty import RowError, good_rows
from apps.common.data.values import as_text, fault_of, parse_json
from apps.common.portable.files import open_text

JSON_LINES, DELIMITED = (".jsonl", ".ndjson", ".json"), (".csv", ".tsv")


def is_table(path):
    """Returns whether a file is a table, by its suffix."""
    return path.suffix.lower() in (*JSON_LINES, *DELIMITED)


def labelled_rows(
    path,
    text_column,
    label_column,
    settings=("data.text_column", "data.label_column"),
    *,
    blank_texts=True,
    skip_bad_rows=False,
    **table_format,
):
    """Yields `(text, label)` for each record of a CSV, TSV or JSON Lines file.

    Only one record is in memory at a time: an error is raised when the iteration
    reaches its line.

    Args:
        path: Path of the file.
        text_column: Name of the column, or JSON key, of the text.
        label_column: Name of the column, or JSON key, of the label or other target.
        settings: Names of the two settings, for error messages.
        blank_texts: Whether a text may be empty.
        skip_bad_rows: Whether to leave out faulty rows and list them; see `good_rows`.
        table_format: Encoding and separator, as for `records`.

    Raises:
        ValueError: If there is no such file, or a line is wrong; the message has the
            line number.
    """
    columns, empty = (text_column, label_column), True
    advice = f"Set {settings[0]}=... and {settings[1]}=..."
    rows = _pairs(path, columns, advice, blank_texts, table_format)
    for pair in good_rows(path, rows, skip_bad_rows):
        empty = False
        yield pair
    if empty:
        raise ValueError(
            f"{path}: no records. Give at least one line with a text and a label."
        )


def _pairs(path, columns, advice, blank_texts, table_format):
    """Yields `(text, label)`, or a `RowError`, for each record of a file."""
    rows = text_rows(path, columns, advice, blank_texts=blank_texts, **table_format)
    for _, row in rows:
        if not isinstance(row, RowError):
            _, (text, label) = row
            row = text, " ".join(label.split())
        yield row


def text_rows(path, columns, advice, *, blank_texts=False, **options):
    """Yields `(line, (record, texts))`, or `(line, RowError)`, for each row of a table.

    Args:
        path: Path of the file.
        columns: Names of the columns that need a text; `texts` has these, strings.
        advice: What to do if there is no such column.
        blank_texts: Whether the text of the first column may be blank.
        options: Encoding and separator, and other arguments of `records`.
    """
    known = False  # whether a record had the columns
    for line, record in records(path, columns, advice, **options):
        if isinstance(record, RowError):
            yield line, record
            continue
        fault = "" if known else columns_fault(record, columns, advice)
        if fault := fault or fault_of(record, columns, blank_texts):
            yield line, RowError(f"{path}:{line}: {fault}", record)
            continue
        known = True
        yield line, (record, tuple(as_text(record[column]) for column in columns))


def columns_fault(columns, wanted, advice):
    """Returns which wanted columns are not among the columns; empty if all are."""
    if not (absent := [column for column in wanted if column not in columns]):
        return ""
    return (
        f"no {' and no '.join(map(repr, absent))}. The columns are: "
        f"{', '.join(map(str, columns))}. {advice}"
    )


def records(path, wanted, advice="", encoding="utf-8", separator="", all_columns=False):
    """Yields `(line, record)` for each row of a CSV, TSV or JSON Lines file.

    A record is a dictionary of all columns of a row, or a `RowError` if the row is
    faulty. In a row with too few fields the last columns are None.

    Args:
        path: Path of the file, a `Path`.
        wanted: Names of the columns that the header of a table must have, once each.
            By them the separator is guessed. Objects of JSON may lack them.
        advice: What to do if the header lacks one, for the error message.
        encoding: The setting `data.encoding`.
        separator: The setting `data.separator`; None if there is no such setting.
        all_columns: Whether the names of all columns must differ, or of those wanted.

    Raises:
        ValueError: If there is no such file, or it is broken as a whole: it lacks a
            column, has another encoding, or a quote that nothing closes.
    """
    with open_text(path, encoding) as file:
        check_format(path, separator)
        if path.suffix.lower() in JSON_LINES:
            yield from _objects(path, file)
            return
        rows = delimited_rows(path, file, separator, wanted)
        advice = (advice, "" if separator is None else ", or data.separator=...")
        yield from _named(path, rows, wanted, advice, all_columns)


def check_format(path, separator=""):
    """Raises ValueError if a file's suffix is unknown or excludes a separator."""
    if not is_table(path):
        raise ValueError(
            f"{path}: expected a file name that ends in .csv, .tsv or .jsonl."
        )
    if separator and path.suffix.lower() in JSON_LINES:
        raise ValueError(
            f"data.separator: {path} is JSON Lines, which has no separator. Remove "
            f"the setting. Received: {separator!r}."
        )


def _objects(path, file):
    for line, content in enumerate(file, start=1):
        if not content.strip():
            continue
        try:
            record = parse_json(content.rstrip("\n"))
        except ValueError as error:
            record = RowError(f"{path}:{line}: {error}.")
        if not isinstance(record, dict | RowError):
            record = RowError(f"{path}:{line}: expected one JSON object per line.")
        yield line, record


def _named(path, rows, wanted, advice, all_columns):
    """Yields `(line, record)` of rows `(line, fields)`, of which the first names them.

    A column without a name, which spreadsheets write, is called `column_N`. A row with
    too few fields lacks its last columns.

    Args:
        path: Path of the file.
        rows: Rows from `delimited_rows`.
        wanted: As in `records`.
        advice: What to do if a column is absent, and what if the header has only one.
        all_columns: As in `records`.
    """
    line, header = next(rows, (1, []))
    header = [
        name if name.strip() else f"column_{n}" for n, name in enumerate(header, 1)
    ]
    way_out, alone = advice
    if header and (fault := columns_fault(header, wanted, way_out)):
        raise ValueError(f"{path}:{line}: {fault}{alone if len(header) == 1 else ''}")
    for column in header if all_columns else wanted:
        if header.count(column) > 1:
            raise ValueError(
                f"{path}:{line}: {header.count(column)} columns are named {column!r}. "
                "Rename all but one."
            )
    for line, fields in rows:
        if isinstance(fields, RowError):
            yield line, fields
            continue
        record = dict(itertools.zip_longest(header, fields[: len(header)]))
        if len(fields) > len(header):
            record = RowError(
                f"{path}:{line}: more fields than the header has. Put texts that "
                "contain the delimiter in double quotes.",
                record,
            )
        yield line, record
