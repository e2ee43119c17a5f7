"""The user's own tables of texts and labels."""

import csv
import json

from apps.common.portable.files import open_text


def labelled_rows(
    path,
    text_column,
    label_column,
    settings=("data.text_column", "data.label_column"),
):
    """Yields `(text, label)` of every line of a CSV, TSV or JSON Lines file.

    One row is in memory at a time: what is wrong is found when the row is reached.

    Args:
        path: Path of the file.
        text_column: Name of the column, or key, of the texts,
        label_column: and of what belongs to them.
        settings: Settings that name the two, for messages.

    Raises:
        ValueError: If there is no such file, or a line is wrong; it names the line.
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
                f"{path}:{line}: no {' and no '.join(map(repr, missing))}. Columns "
                f"here: {', '.join(map(str, row))}. Name yours with "
                f"{settings[0]}=... and {settings[1]}=..."
            )
        empty = False
        yield _whole(str(text)), _whole(label)
    if empty:
        raise ValueError(f"{path}: no lines with a text and a label in it.")


def _whole(text):
    """Returns a text without the half characters that JSON can spell."""
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
                f"{path}: expected a name that ends in .csv, .tsv or .jsonl."
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
            raise ValueError(f"{path}:{line}: expected an object, one a line.")
        yield line, record


def _fields(path, file):
    csv.field_size_limit(2**31 - 1)
    delimiter = "\t" if path.suffix == ".tsv" else ","
    lines, ahead = [], next(file, None)  # the lines of a record, and the one after it

    def noted():
        nonlocal ahead
        while ahead is not None:
            lines.append(ahead)
            ahead = next(file, None)
            yield lines[-1]

    reader = csv.DictReader(noted(), delimiter=delimiter)
    if reader.fieldnames:
        lines.clear()
    for record in reader:
        if ahead is None:
            _check_end(path, lines, reader.line_num - len(lines), delimiter)
        lines.clear()
        if None in record:
            raise ValueError(
                f"{path}:{reader.line_num}: more fields than the header has. Put "
                "a text that holds the delimiter in double quotes."
            )
        yield reader.line_num, record


def _check_end(path, lines, before, delimiter):
    """Refuses a last record, after so many lines, for want of its last quote."""
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise ValueError(
                f"{path}:{before + 1}: a double quote begins a text here that nothing "
                "ends. Is the file cut off?"
            ) from None
