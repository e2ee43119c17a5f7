"""Fixtures that write a user's own file."""

import csv
import json

import pytest


@pytest.fixture
def write(tmp_path):
    def write_file(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.fixture
def write_rows(write):
    """Writes `(text, label)` pairs in the format of the name's suffix."""

    def write_file(name, rows, text="text", label="label"):
        path = write(name, "")
        if path.suffix == ".jsonl":
            lines = [json.dumps({label: y, text: x, "id": 1}) for x, y in rows]
            path.write_text("\n".join(lines) + "\n")
            return path
        with open(path, "w", newline="", encoding="utf-8") as file:
            delimiter = {".csv": ",", ".tsv": "\t"}[path.suffix]
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(["id", text, label])
            writer.writerows([n, *row] for n, row in enumerate(rows))
        return path

    return write_file
