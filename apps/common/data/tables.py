"""Reads the user's labelled texts from CSV, TSV and JSON Lines files."""

import csv
import itertools
import json

from apps.common.data.faulty import RowError, good_rows
from apps.common.portable.files import open_text
from apps.common.portable.terminal import report_once

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
    rows = _pairs(path, columns, settings, blank_texts, table_format)
    for pair in good_rows(path, rows, skip_bad_rows):
        empty = False
        yield pair
    if empty:
        raise ValueError(
            f"{path}: no records. Give at least one line with a text and a label."
        )


def _pairs(path, columns, settings, blank_texts, table_format):
    """Yields `(text, label)`, or a `RowError`, for each record of a file."""
    known = False  # whether a record had the columns
    advice = f"Set {settings[0]}=... and {settings[1]}=..."
    for line, row in records(path, columns, advice, **table_format):
        if isinstance(row, RowError):
            yield row
            continue
        fault = "" if known else columns_fault(row, columns, advice)
        if fault := fault or fault_of(row, columns, blank_texts):
            yield RowError(f"{path}:{line}: {fault}")
            continue
        known = True
        text, label = (without_surrogates(str(row[column])) for column in columns)
        yield text, " ".join(label.split())


def columns_fault(columns, wanted, advice):
    """Returns which wanted columns are not among the columns; empty if all are."""
    if not (absent := [column for column in wanted if column not in columns]):
        return ""
    return (
        f"no {' and no '.join(map(repr, absent))}. The columns are: "
        f"{', '.join(map(str, columns))}. {advice}"
    )


def fault_of(row, columns, blank_texts):
    """Returns why a record has no text and label, or None if it has both."""
    for column in columns:
        value = row.get(column)
        if value is None:
            return f"{column!r} has no value."
        if isinstance(value, list | dict):
            return f"{column!r} is not a text: {value!r:.60}."
        may_be_blank = blank_texts and column == columns[0]
        if not may_be_blank and not str(value).strip():
            return f"{column!r} is empty."
    return None


def without_surrogates(text):
    """Replaces unpaired surrogates, which JSON can encode, by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


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
        separator: The setting `data.separator`.
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
        csv.field_size_limit(2**31 - 1)
        header = file.readline()
        file = itertools.chain([header], file)
        delimiter = _delimiter(path, separator, header, wanted)
        if path.suffix.lower() == ".tsv" and delimiter == "\t":
            rows = _tsv_rows(path, file)
        else:
            rows = _csv_rows(path, file, delimiter)
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


def _named(path, rows, wanted, advice, all_columns):
    """Yields `(line, record)` of rows `(line, fields)`, of which the first names them.

    A row with too few fields lacks its last columns.
    """
    line, header = next(rows, (1, []))
    if header and (fault := columns_fault(header, wanted, advice)):
        separator = ", or data.separator=..." if len(header) == 1 else ""
        raise ValueError(f"{path}:{line}: {fault}{separator}")
    for column in header if all_columns else wanted:
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


def _delimiter(path, separator, header, wanted):
    """Returns the delimiter of a file: as set, or as its suffix and header have it.

    Spreadsheets of many countries write semicolons.
    """
    if separator:
        return "\t" if separator == "tab" else separator
    if path.suffix.lower() == ".tsv":
        return "\t"
    for guess in ",;\t":
        columns = next(csv.reader([header], delimiter=guess), [])
        if set(wanted) <= set(columns):
            if guess != ",":
                report_once(f"{path}: read with the separator {guess!r}")
            return guess
    return ","


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
