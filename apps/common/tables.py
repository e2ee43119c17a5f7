"""The user's own tables of texts and labels."""

import csv
import io
import json


def labelled_rows(
    path,
    text_column,
    label_column,
    settings=("data.text_column", "data.label_column"),
):
    """Returns `(text, label)` of every line of a CSV, TSV or JSON Lines file.

    Args:
        path: Path of the file.
        text_column: Name of the column, or key, of the texts,
        label_column: and of what belongs to them.
        settings: Settings that name the two, for messages.

    Raises:
        ValueError: If there is no such file, or a line is wrong; it names the line.
    """
    wanted = (text_column, label_column)
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file.") from None
    except IsADirectoryError:
        raise ValueError(f"{path}: expected a file, found a directory.") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}:{line}: not UTF-8. Convert the file, for example with iconv."
        ) from None
    rows = []
    for line, row in _records(path, content):
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
        rows.append((_whole(str(text)), _whole(label)))
    if not rows:
        raise ValueError(f"{path}: no lines with a text and a label in it.")
    return rows


def _whole(text):
    """Returns a text without the half characters that JSON can spell."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _records(path, text):
    """Yields `(line, record)` of a CSV, TSV or JSON Lines file."""
    if path.suffix in (".jsonl", ".ndjson", ".json"):
        for line, content in enumerate(text.split("\n"), start=1):
            if not content.strip():
                continue
            try:
                record = json.loads(content)
            except (json.JSONDecodeError, RecursionError) as error:
                raise ValueError(f"{path}:{line}: not JSON: {error}.") from None
            if not isinstance(record, dict):
                raise ValueError(f"{path}:{line}: expected an object, one a line.")
            yield line, record
    elif path.suffix in (".csv", ".tsv"):
        delimiter = "\t" if path.suffix == ".tsv" else ","
        csv.field_size_limit(2**31 - 1)
        file = io.StringIO(text, newline="")
        reader = csv.DictReader(file, delimiter=delimiter)
        before = reader.line_num if reader.fieldnames else 0
        for record in reader:
            if file.tell() == len(text):
                _check_end(path, text, before, delimiter)
            before = reader.line_num
            if None in record:
                raise ValueError(
                    f"{path}:{reader.line_num}: more fields than the header has. Put "
                    "a text that holds the delimiter in double quotes."
                )
            yield reader.line_num, record
    else:
        raise ValueError(f"{path}: expected a name that ends in .csv, .tsv or .jsonl.")


def _check_end(path, text, line, delimiter):
    """Refuses a last record, after so many lines, for want of its last quote."""
    rest = io.StringIO(text, newline="")
    for _ in range(line):
        next(rest)
    record = csv.reader(rest, delimiter=delimiter, strict=True)
    try:
        next(record)
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise ValueError(
                f"{path}:{line + 1}: a double quote begins a text here that nothing "
                "ends. Is the file cut off?"
            ) from None
