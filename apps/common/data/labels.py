"""Names of the classes of a classifier, one a line."""

from pathlib import Path

from apps.common.portable.files import atomic_write


def save_labels(labels, path):
    """Writes one label a line; the line's number, from 0, is its id."""
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(labels) + "\n", encoding="utf-8")


def load_labels(path):
    """Returns the labels that `save_labels` wrote."""
    return Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")
