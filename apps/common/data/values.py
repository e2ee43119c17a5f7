"""Reads JSON and texts of the user's rows; refuses what is ambiguous or no text."""

import json
import math
import unicodedata

from apps.common.portable.unicode import is_invisible

BLANK = frozenset(("Zs", "Zl", "Zp", "Cc", "Cs", "Co"))  # Unicode's categories


def parse_json(content):
    """Returns the value of a JSON text.

    Raises:
        ValueError: If it is not JSON, an object has a key twice, or a number is not
            finite. The message has no full stop.
    """
    try:
        return json.loads(
            content,
            parse_constant=_refuse,
            parse_float=_finite,
            object_pairs_hook=_with_unique_keys,
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def _refuse(constant):
    raise ValueError(f"not JSON: {constant} is not JSON")


def _finite(number):
    if math.isinf(value := float(number)):
        raise ValueError(f"the number {number:.60} is too large")
    return value


def _with_unique_keys(pairs):
    if len(keys := dict(pairs)) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in keys if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in an object")
    return keys


def fault_of(record, columns, blank_texts=False):
    """Returns why a record lacks a text in one of the columns; empty if it lacks none.

    Args:
        record: A dictionary.
        columns: Names of the columns.
        blank_texts: Whether the text of the first column may be blank.
    """
    for column in columns:
        value = record.get(column)
        if value is None:
            return f"{column!r} has no value."
        if isinstance(value, list | dict):
            return f"{column!r} is not a text: {value!r:.60}."
        may_be_blank = blank_texts and column == columns[0]
        if not may_be_blank and not is_visible(as_text(value)):
            return f"{column!r} is empty."
    return ""


def is_visible(text):
    """Returns whether a text has a character that makes a token."""
    return any(
        unicodedata.category(c) not in BLANK and not is_invisible(c) for c in text
    )


def as_text(value):
    """Returns a value as a text: numbers and booleans as JSON writes them.

    Unpaired surrogates, which JSON can encode, become question marks.
    """
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode("utf-8")
