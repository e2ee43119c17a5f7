"""Reads the user's own running text, line by line."""

import functools
from glob import glob
from pathlib import Path

from apps.common.portable.files import open_text

LONGEST_LINE = 2**12  # characters; a longer line is read in pieces
READ_AT_ONCE = 2**20  # characters, where lines do not matter


def own_text(config, split):
    """Reads the user's own text: a file per split, or one text that is cut.

    Of one text the last 10% is the test split and the 10% before it validation.
    """
    if Path(config.file).is_dir() and config.file:
        yield from lines_of(Path(config.file, f"{split}.txt"), config.encoding)
        return
    paths = [Path(config.file)]
    if not paths[0].is_file():  # a name like notes[1].txt is a file before a pattern
        paths = [Path(path) for path in sorted(glob(config.file, recursive=True))]
    if not paths:
        raise ValueError(
            "data.file: expected a text file, a pattern, or a folder with train.txt, "
            f"validation.txt and test.txt. Received: {config.file!r}."
        )
    total, offset = 0, 0
    for path in paths:
        stat = path.stat()
        stamp = stat.st_size, stat.st_mtime_ns
        total += _size(path, config.encoding, stamp)
    for line in (line for path in paths for line in lines_of(path, config.encoding)):
        if split == {8: "validation", 9: "test"}.get(10 * offset // total, "train"):
            yield line
        offset += _length(line)


@functools.cache
def _size(path, encoding, stamp):
    """Returns the length of a file's text, the sum of `_length` of its lines.

    Args:
        path: Path of the file.
        encoding: The setting `data.encoding`.
        stamp: Size and time of change of the file, so that a changed one is read anew.
    """
    with open_text(path, encoding) as file:
        return sum(map(_length, iter(lambda: file.read(READ_AT_ONCE), "")))


def _length(line):
    """Returns a line's length in bytes of UTF-8, whatever encoding its file has."""
    return len(line if line.isascii() else line.encode("utf-8", "replace"))


class Piece(str):
    """A part of a line that continues in the next part."""


def lines_of(path, encoding):
    """Yields lines with their line endings; a very long line in pieces.

    A piece ends after a blank, so that no token is cut; without a blank it ends
    anywhere.
    """
    with open_text(path, encoding) as file:
        rest = ""
        while line := rest + (read := file.readline(LONGEST_LINE)):
            rest = ""
            if len(read) == LONGEST_LINE and not read.endswith("\n"):
                end = 1 + max(line.rfind(" "), line.rfind("\t"))
                line, rest = Piece(line[: end or None]), line[end or len(line) :]
            yield line
