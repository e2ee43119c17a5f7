"""Saves and loads the class names of a classifier, one per line."""

from pathlib import Path

from apps.common.portable.files import atomic_write


def save_labels(labels, path):
    """Writes one label per line; the line number, from 0, is the label's id."""
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(labels) + "\n", encoding="utf-8")


def load_labels(path):
    """Reads the labels that `save_labels` wrote."""
    return Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")
