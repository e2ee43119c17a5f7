"""Reads the user's labelled texts from CSV, TSV and JSON Lines files."""

import csv
import functools
import itertools
import json
import sys

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
    for line, row in _records(path, wanted):
        if unknown := [column for column in wanted if column not in row]:
            raise ValueError(
                f"{path}:{line}: no {' and no '.join(map(repr, unknown))}. The columns "
                f"are: {', '.join(map(str, row))}. Set {settings[0]}=... and "
                f"{settings[1]}=..."
            )
        for column in wanted:
            if fault := _fault(row[column], may_be_empty=column == text_column):
                raise ValueError(
                    f"{path}:{line}: {column!r} {fault}. Correct the line or delete it."
                )
        text, label = (str(row[column]) for column in wanted)
        label = " ".join(label.split())
        empty = False
        yield _without_surrogates(text), _without_surrogates(label)
    if empty:
        raise ValueError(
            f"{path}: no records. Give at least one line with a text and a label."
        )


def _fault(value, may_be_empty):
    """Returns why a value of a record is not a text, or None if it is one."""
    if value is None:
        return "has no value"
    if isinstance(value, list | dict):
        return f"is not a text: {value!r:.60}"
    return None if may_be_empty or str(value).strip() else "is empty"


def _without_surrogates(text):
    """Replaces unpaired surrogates, which JSON can encode, by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _records(path, wanted):
    """Yields `(line, record)` of a CSV, TSV or JSON Lines file."""
    with open_text(path) as file:
        if path.suffix in (".jsonl", ".ndjson", ".json"):
            yield from _objects(path, file)
        elif path.suffix in (".csv", ".tsv"):
            csv.field_size_limit(2**31 - 1)
            header = file.readline()
            file = itertools.chain([header], file)
            rows = (
                _tsv_rows(path, file)
                if path.suffix == ".tsv"
                else _csv_rows(path, file, _separator(path, header, wanted))
            )
            yield from _named(path, rows, wanted)
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
            raise ValueError(f"{path}:{line}: not JSON: {error}.") from None
        if not isinstance(record, dict):
            raise ValueError(f"{path}:{line}: expected one JSON object per line.")
        yield line, record


def _named(path, rows, wanted):
    """Yields `(line, record)` of rows `(line, fields)`, of which the first names them.

    A row with too few fields lacks its last columns.
    """
    _, header = next(rows, (1, []))
    for column in wanted:
        if header.count(column) > 1:
            raise ValueError(
                f"{path}:1: {header.count(column)} columns are named {column!r}. "
                "Rename all but one."
            )
    for line, fields in rows:
        if len(fields) > len(header):
            raise ValueError(
                f"{path}:{line}: more fields than the header has. Put texts that "
                "contain the delimiter in double quotes."
            )
        fields += [None] * (len(header) - len(fields))
        yield line, dict(zip(header, fields, strict=True))


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
