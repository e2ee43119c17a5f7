"""Reads `model.json`, which describes an export, and checks the files beside it."""

import hashlib
import json
import re
from pathlib import Path

from apps.common.portable.versions import FORMAT, ONNX

AGAIN = "Copy the whole directory again, or export the run again."
FILE = re.compile(r"\w[\w.-]*")  # the name of a file in the same directory
KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
}


def read_json(path):
    """Reads a `model.json`.

    Raises:
        ValueError: If it is missing, damaged or of another format.
    """
    try:
        content = json.loads(_read(path))
    except (UnicodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not valid JSON: {error}. {AGAIN}") from None
    number = content.get("format") if isinstance(content, dict) else None
    if number != FORMAT:
        raise ValueError(
            f"{path}: expected format {FORMAT}. Received: {number}. Export the run "
            "with this version of Carousel."
        )
    return content


def entry(content, key, kind, path):
    """Returns an entry of an object in `model.json`.

    Args:
        content: The object, a dictionary.
        key: Key of the entry.
        kind: Type of its value: a key of `KINDS`; `float` includes `int`.
        path: Where the object stands, for messages: the path of the file, and the keys
            that lead to the object.

    Raises:
        ValueError: If it is missing, or of another type.
    """
    if key not in content:
        raise ValueError(f"{path}: {key}: the entry is missing. {AGAIN}")
    value = content[key]
    kinds = (int, float) if kind is float else (kind,)
    if type(value) not in kinds:  # in Python, but not in JSON, true is an integer
        raise ValueError(
            f"{path}: {key}: expected {KINDS[kind]}. Received: {value!r:.80}. {AGAIN}"
        )
    return value


def file_entry(content, directory, path):
    """Returns the path of the file that the entry `file` names.

    Args:
        content: The object with the entry, a dictionary.
        directory: Directory of the `model.json`, which has the file as well.
        path: As for `entry`.

    Raises:
        ValueError: If it is missing, or not the name of a file beside `model.json`.
    """
    return file_beside(entry(content, "file", str, path), directory, f"{path}: file")


def file_beside(name, directory, path):
    """Returns the path of a file in the directory of a `model.json`.

    Raises:
        ValueError: If the name has a directory.
    """
    if not FILE.fullmatch(name):
        raise ValueError(
            f"{path}: expected the name of a file beside {ONNX.name}. Received: "
            f"{name!r:.80}. {AGAIN}"
        )
    return Path(directory, name)


def checked_bytes(path, sha256):
    """Returns the bytes of a file whose SHA-256 `model.json` has.

    Raises:
        ValueError: If the file is missing, or was changed.
    """
    content = _read(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(
            f"{path}: not the file that was exported: {len(content):,} bytes, whose "
            f"SHA-256 differs from that in {ONNX.name}. {AGAIN}"
        )
    return content


def _read(path):
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{path}: the file is missing. {AGAIN}") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}. {AGAIN}") from None
