"""Reads the user's own running text, line by line."""

import functools
from glob import glob
from pathlib import Path

from apps.common.portable.files import open_text

LONGEST_LINE = 2**12  # characters; a longer line is read in pieces
READ_AT_ONCE = 2**20  # characters, where lines do not matter
TENTHS = {8: "validation", 9: "test"}  # of one text; the others are for training


def is_folder(config):
    """Returns whether the user's text is a folder with a file per split."""
    return Path(config.file).is_dir() and bool(config.file)


def paths_of(config, split):
    """Returns the paths of the files in which the text of a split stands.

    Raises:
        ValueError: If there is no such file.
    """
    if is_folder(config):
        path = Path(config.file, f"{split}.txt")
        if not path.is_file():
            raise ValueError(f"{path}: there is no such file.")
        return [path]
    paths = [Path(config.file)]
    if not paths[0].is_file():  # a name like notes[1].txt is a file before a pattern
        paths = [Path(path) for path in sorted(glob(config.file, recursive=True))]
    if not paths:
        raise ValueError(
            "data.file: expected a text file, a pattern, or a folder with train.txt, "
            f"validation.txt and test.txt. Received: {config.file!r}."
        )
    return paths


def own_text(config, split):
    """Reads the user's own text: a file per split, or one text that is cut.

    Of one text the last 10% is the test split and the 10% before it validation.
    """
    ranges = [(path, 0, None) for path in paths_of(config, split)]
    if is_folder(config):
        yield from lines_of_ranges(ranges, config.encoding)
    else:
        total = length_of(ranges, config.encoding)
        yield from lines_of_split(ranges, config.encoding, split, 0, total)


def lines_of_split(ranges, encoding, split, offset, total):
    """Yields the lines of a split of one text, from a part of the text.

    Args:
        ranges: The part: for each of its files the path, the place of the first byte,
            where a line begins, and the place after the last byte, or None.
        encoding: The setting `data.encoding`.
        split: "train", "validation" or "test".
        offset: Length of the text before the part; see `length_of`.
        total: Length of the whole text.
    """
    for line in lines_of_ranges(ranges, encoding):
        if split == TENTHS.get(10 * offset // total, "train"):
            yield line
        offset += _length(line)


def length_of(ranges, encoding):
    """Returns the length of ranges of files in bytes of UTF-8, a byte per line end."""
    stats = (path.stat() for path, _, _ in ranges)
    stamps = [(stat.st_size, stat.st_mtime_ns) for stat in stats]
    pairs = zip(ranges, stamps, strict=True)
    return sum(_length_of_range(*place, encoding, stamp) for place, stamp in pairs)


@functools.cache
def _length_of_range(path, start, end, encoding, stamp):
    """Returns the length of a range of a file's text, the sum of those of its lines.

    Args:
        path: Path of the file.
        start: Place of its first byte.
        end: Place after its last byte, or None.
        encoding: The setting `data.encoding`.
        stamp: Size and time of change of the file, so that a changed one is read anew.
    """
    with open_text(path, encoding, start, end) as file:
        return sum(map(_length, iter(lambda: file.read(READ_AT_ONCE), "")))


def _length(line):
    """Returns a line's length in bytes of UTF-8, whatever encoding its file has."""
    return len(line if line.isascii() else line.encode("utf-8", "replace"))


class Piece(str):
    """A part of a line that continues in the next part."""


def lines_of_ranges(ranges, encoding):
    """Yields the lines of ranges of files, one after the other; see `lines_of`."""
    for path, start, end in ranges:
        yield from lines_of(path, encoding, start, end)


def lines_of(path, encoding, start=0, end=None):
    """Yields lines with their line endings; a very long line in pieces.

    A piece ends after a blank, so that no token is cut; without a blank it ends
    anywhere. The last line ends with the file.

    Args:
        path: Path of the file.
        encoding: The setting `data.encoding`.
        start: Place of the first byte, where a line begins.
        end: Place after the last byte; None reads to the end of the file.
    """
    with open_text(path, encoding, start, end) as file:
        rest, read = "", file.readline(LONGEST_LINE)
        while line := rest + read:
            rest, following = "", file.readline(LONGEST_LINE)
            if following and len(read) == LONGEST_LINE and not read.endswith("\n"):
                cut = 1 + max(line.rfind(" "), line.rfind("\t"))
                line, rest = Piece(line[: cut or None]), line[cut or len(line) :]
            yield line
            read = following
