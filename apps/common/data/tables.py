"""Reads the user's texts from CSV, TSV and JSON Lines files."""

import csv
import functools
import itertools
import json
import sys

from apps.common.portable.files import open_text

JSON_LINES, DELIMITED = (".jsonl", ".ndjson", ".json"), (".csv", ".tsv")


class RowError(ValueError):
    """A row that is not a record, in place of one.

    Args:
        message: The fault, with file and line.
        record: The columns that could be read.
    """

    def __init__(self, message, record=None):
        super().__init__(message)
        self.record = record or {}


def is_table(path):
    """Returns whether a file is a table, by its suffix."""
    return path.suffix.lower() in (*JSON_LINES, *DELIMITED)


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
    for line, row in records(path, wanted):
        if isinstance(row, RowError):
            raise row
        if unknown := unknown_columns(path, line, row, wanted, settings):
            raise ValueError(unknown)
        for column in wanted:
            if fault := fault_of(row[column], may_be_empty=column == text_column):
                raise ValueError(
                    f"{path}:{line}: {column!r} {fault}. Correct the line or delete it."
                )
        text, label = (str(row[column]) for column in wanted)
        label = " ".join(label.split())
        empty = False
        yield without_surrogates(text), without_surrogates(label)
    if empty:
        raise ValueError(
            f"{path}: no records. Give at least one line with a text and a label."
        )


def unknown_columns(path, line, row, wanted, settings):
    """Returns which of the wanted columns a record lacks, with the way out, or ""."""
    unknown = [column for column in wanted if column not in row]
    if not unknown:
        return ""
    names = " and ".join(f"{setting}=..." for setting in settings if setting)
    return (
        f"{path}:{line}: no {' and no '.join(map(repr, unknown))}. The columns are: "
        f"{', '.join(map(str, row))}. {f'Set {names}' if names else 'Rename one.'}"
    )


def fault_of(value, may_be_empty=False):
    """Returns why a value of a record is not a text, or None if it is one."""
    if value is None:
        return "has no value"
    if isinstance(value, list | dict):
        return f"is not a text: {value!r:.60}"
    return None if may_be_empty or str(value).strip() else "is empty"


def without_surrogates(text):
    """Replaces unpaired surrogates, which JSON can encode, by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def records(path, wanted, all_columns=False):
    """Yields `(line, record)` of a CSV, TSV or JSON Lines file.

    In place of a record there may be a `RowError`.

    Args:
        path: Path of the file.
        wanted: Names of the columns by which the separator is guessed.
        all_columns: Whether the names of all columns must differ, or of those wanted.
    """
    suffix = path.suffix.lower()
    with open_text(path) as file:
        if suffix in JSON_LINES:
            yield from _objects(path, file)
        elif suffix in DELIMITED:
            csv.field_size_limit(2**31 - 1)
            header = file.readline()
            file = itertools.chain([header], file)
            rows = (
                _tsv_rows(path, file)
                if suffix == ".tsv"
                else _csv_rows(path, file, _separator(path, header, wanted))
            )
            yield from _named(path, rows, None if all_columns else wanted)
        else:
            raise ValueError(
                f"{path}: expected a file name that ends in .csv, .tsv or .jsonl."
            )


def _objects(path, file):
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    for line, content in enumerate(file, start=1):
        if not content.strip():
            continue
        try:
            record = json.loads(content.rstrip("\n"), parse_constant=refuse)
        except (ValueError, RecursionError) as error:
            record = RowError(f"{path}:{line}: not JSON: {error}.")
        if not isinstance(record, dict | RowError):
            record = RowError(f"{path}:{line}: expected one JSON object per line.")
        yield line, record


def _named(path, rows, unique):
    """Yields `(line, record)` of rows `(line, fields)`, of which the first names them.

    A row with too few fields lacks its last columns.

    Args:
        path: Path of the file, for messages.
        rows: Pairs of a line number and a list of fields.
        unique: Names that only one column may have; None stands for all names.
    """
    _, header = next(rows, (1, []))
    for column in header if unique is None else unique:
        if header.count(column) > 1:
            raise ValueError(
                f"{path}:1: {header.count(column)} columns are named {column!r}. "
                "Rename all but one."
            )
    for line, fields in rows:
        record = dict(itertools.zip_longest(header, fields[: len(header)]))
        if len(fields) > len(header):
            record = RowError(
                f"{path}:{line}: more fields than the header has. Put texts that "
                "contain the delimiter in double quotes.",
                record,
            )
        yield line, record


def _separator(path, header, wanted):
    """Returns the separator with which a header has the wanted columns, or a comma.

    Spreadsheets of many countries write semicolons.
    """
    for separator in ",;\t":
        columns = next(csv.reader([header], delimiter=separator), [])
        if set(wanted) <= set(columns):
            if separator != ",":
                _report_once(f"{path}: read with the separator {separator!r}")
            return separator
    return ","


@functools.cache  # a file is read once per split
def _report_once(message):
    print(message, file=sys.stderr)


def _csv_rows(path, file, separator):
    """Yields the first line and the fields of each row; quotes have to be closed."""
    reader, line = csv.reader(file, delimiter=separator, strict=True), 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise _quoting_error(path, line, error) from None
        if fields is None:
            return
        if fields:
            yield line, fields
        line = reader.line_num + 1


def _tsv_rows(path, file):
    """Yields the first line and the fields of each row of a TSV file.

    Programs differ in whether they quote. So a line is a row: it is unquoted if all its
    quotes are in order, and else they are text. Only a line with fewer fields than the
    header is joined with the next ones, up to the end of the quoted field.
    """
    columns, line = None, 0
    for content in file:
        line, content = line + 1, content.rstrip("\r\n")
        if not content:
            continue
        fields, first = _tsv_fields(content, columns), line
        if columns and len(fields) < columns and '"' in content:
            fields, line = _joined_fields(path, file, content, line)
        columns = columns or len(fields)
        yield first, fields


def _joined_fields(path, file, content, line):
    """Joins a line with the next ones up to the end of its quoted field.

    Returns:
        The fields, and the number of the last line.
    """
    first, lines = line, [content]
    while True:
        try:
            (fields,) = csv.reader(["\n".join(lines)], delimiter="\t", strict=True)
            return fields, line
        except csv.Error as error:
            fault = _quoting_error(path, first, error)
            if "unexpected end" not in str(error):
                raise fault from None
        for content in file:  # only a line with a quote can end the field
            line += 1
            lines.append(content.rstrip("\r\n"))
            if '"' in content:
                break
        else:
            raise fault


def _tsv_fields(content, columns):
    """Returns the fields of a line, unquoted if its quotes are in order.

    Args:
        content: The line.
        columns: Number of fields of the header, or None for the header itself.
    """
    plain = content.split("\t")
    try:
        (fields,) = csv.reader([content], delimiter="\t", strict=True)
    except csv.Error:
        return plain
    return plain if len(fields) != columns == len(plain) else fields


def _quoting_error(path, line, error):
    if "unexpected end" in str(error):
        return ValueError(
            f"{path}:{line}: unterminated quoted field: the quote opened here is never "
            "closed. Is the file truncated?"
        )
    return ValueError(
        f"{path}:{line}: a quote stands alone in a quoted field. Write it twice, or "
        "remove the quote with which the field begins."
    )
