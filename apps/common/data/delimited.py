"""Reads the fields of CSV and TSV files, line by line."""

import collections
import csv
import itertools

from apps.common.data.faulty import RowError
from apps.common.portable.terminal import report_once


def delimited_rows(path, file, separator, wanted):
    """Yields the first line and the fields of each row; the first row is the header.

    A faulty row has a `RowError` in place of its fields.

    Args:
        path: Path of the file.
        file: The open file.
        separator: The setting `data.separator`; empty or None guesses.
        wanted: Names of columns, by which the separator is guessed.

    Raises:
        ValueError: If a quote of a CSV file is out of order.
    """
    csv.field_size_limit(2**31 - 1)
    head = []
    for content in file:
        head.append(content)
        if content.strip("\r\n"):
            break
    delimiter = _delimiter(path, separator, "".join(head[-1:]), wanted)
    lines = itertools.chain(head, file)
    if path.suffix.lower() == ".tsv" and delimiter == "\t":
        return _tsv_rows(path, lines)
    return _csv_rows(path, lines, delimiter)


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


def _csv_rows(path, lines, separator):
    """Yields the first line and the fields of each row; quotes have to be closed."""
    reader, line = csv.reader(lines, delimiter=separator, strict=True), 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise ValueError(f"{path}:{line}: {_quoting_fault(error)}") from None
        if fields is None:
            return
        if fields:
            yield line, fields
        line = reader.line_num + 1


def _quoting_fault(error):
    if _is_open(error):
        return (
            "unterminated quoted field: the quote opened here is never closed. Is the "
            "file truncated?"
        )
    return (
        "a quote stands alone in a quoted field. Write it twice, or remove the quote "
        "with which the field begins."
    )


def _is_open(error):
    return "unexpected end" in str(error)


def _tsv_rows(path, lines):
    """Yields the first line and the fields of each row of a TSV file.

    Programs differ in whether they quote. So a line with as many fields as the header
    is a row: it is unquoted if its quotes are in order, and else they are text. A line
    with fewer fields and an open quote is joined with the next ones up to the end of
    the quoted text, if that has no tab and the record as many fields as the header.
    Else the line is a faulty row, and the next one is a row of its own.
    """
    ahead, numbered = collections.deque(), enumerate(lines, 1)
    header, is_reported = None, False
    while entry := ahead.popleft() if ahead else next(numbered, None):
        line, content = entry[0], entry[1].rstrip("\r\n")
        if not content:
            continue
        fields, is_open = _tsv_fields(content, header and len(header))
        header = header or fields
        if is_open and len(fields) < len(header):
            after = _drained(ahead, numbered)
            fields, taken = _joined_fields(content, after, header)
            if fields is None:
                ahead.extendleft(reversed(taken))
                fields = _open_row(path, line, content, header)
        elif is_open and not is_reported:
            is_reported = True
            report_once(
                f"{path}:{line}: a field begins with a quote that does not end in this "
                "line. In a TSV file with such lines these quotes are text."
            )
        yield line, fields


def _drained(ahead, numbered):
    """Yields the lines that were read ahead, then those of the file."""
    while ahead:
        yield ahead.popleft()
    yield from numbered


def _tsv_fields(content, columns):
    """Returns the fields of a line, unquoted if its quotes are in order.

    Args:
        content: The line.
        columns: Number of fields of the header, or None for the header itself.

    Returns:
        The fields, and whether the last one begins with a quote that nothing closes.
    """
    plain = content.split("\t")
    try:
        (fields,) = csv.reader([content], delimiter="\t", strict=True)
    except csv.Error as error:
        return plain, _is_open(error)
    return (plain if len(fields) != columns == len(plain) else fields), False


def _joined_fields(content, after, header):
    """Joins a line with the next ones up to the end of its quoted field.

    Args:
        content: The line.
        after: Iterator of the numbers and contents of the lines after it.
        header: Fields of the header.

    Returns:
        The fields, or None if they make no row; and the entries of `after` that were
        read.
    """
    taken = []

    def lines():
        yield f"{content}\n"
        for entry in after:
            taken.append(entry)
            line = entry[1].rstrip("\r\n")
            if "\t" in line and '"' not in line:
                return  # a tab in the quoted text
            yield f"{line}\n"

    try:
        fields = next(csv.reader(lines(), delimiter="\t", strict=True))
    except csv.Error:
        return None, taken
    has_tab = any("\t" in field and "\n" in field for field in fields)
    return (None if has_tab or len(fields) != len(header) else fields), taken


def _open_row(path, line, content, header):
    """Returns the `RowError` of a line with too few fields and an open quote."""
    fields = content.split("\t")
    return RowError(
        f"{path}:{line}: expected {len(header)} fields, as in the header. Received "
        f"{len(fields)}, and a quote that the next lines do not close.",
        dict(itertools.zip_longest(header, fields)),
    )
