"""Cuts the user's large text into parts, which workers encode one by one."""

import codecs
import re
from dataclasses import dataclass
from itertools import pairwise

from apps.language_modeling.files import (
    TENTHS,
    is_folder,
    length_of,
    lines_of_ranges,
    lines_of_split,
    paths_of,
)

PART_BYTES = 2**26  # mean size of a part
READ_AT_ONCE = 2**16  # bytes in which the end of a line is looked for
# Encodings in which the byte 10 is a line feed wherever it stands, and no character
# depends on those before it. A file in another encoding, such as UTF-16, is not cut.
CUT_ENCODINGS = re.compile(r"utf-8(-sig)?|ascii|iso8859-\d+|cp125\d|koi8-[rtu]")


@dataclass(frozen=True)
class Part:
    """The lines of a split in a part of the text.

    Attributes:
        name: Name of the part's files.
        split: Name of the split.
        ranges: Ranges of files; see `cut`.
        encoding: The setting `data.encoding`.
        place: Of one text, whose lines belong to different splits: length of the text
            before the part, and of the whole text, in bytes of UTF-8.
    """

    name: str
    split: str
    ranges: list
    encoding: str
    place: tuple = ()

    def lines(self):
        """Yields the lines."""
        if self.place:
            return lines_of_split(self.ranges, self.encoding, self.split, *self.place)
        return lines_of_ranges(self.ranges, self.encoding)


def parts_of(config, splits, workers):
    """Returns the list of parts of the splits of a text, in the order of the text.

    Of one text, which is cut into splits by its length, each worker measures its share.

    Args:
        config: A `DataConfig`.
        splits: Names of the splits.
        workers: `Corpora`.
    """
    if is_folder(config):
        return [
            Part(_name(split, number), split, ranges, config.encoding)
            for split in splits
            for number, ranges in enumerate(
                cut(paths_of(config, split), config.encoding)
            )
        ]
    pieces, lengths = cut(paths_of(config, "train"), config.encoding), []
    for first in range(0, len(pieces), workers.count):
        own = pieces[first + workers.index :][:1]  # none, if the last ones are few
        lengths += workers.gather(sum(length_of(p, config.encoding) for p in own))
    total, offset, parts = sum(lengths), 0, []
    for number, (ranges, length) in enumerate(zip(pieces, lengths, strict=False)):
        tenths = range(10 * offset // total, 10 * (offset + length - 1) // total + 1)
        found = {TENTHS.get(tenth, "train") for tenth in tenths}
        for split in found.intersection(splits):
            place = (offset, total)
            parts.append(
                Part(_name(split, number), split, ranges, config.encoding, place)
            )
        offset += length
    return sorted(parts, key=lambda part: splits.index(part.split))


def _name(split, number):
    return f"{split}-{number:06}"


def cut(paths, encoding):
    """Cuts files, one after the other, into parts of about `PART_BYTES` at line ends.

    Args:
        paths: Paths of the files, in the order of the text.
        encoding: The setting `data.encoding`. A file is cut only in `CUT_ENCODINGS`.

    Returns:
        A list of parts. A part is a list of ranges: a path, the place of the first
        byte, and the place after the last one. Together they are the whole text.
    """
    is_cut = CUT_ENCODINGS.fullmatch(codecs.lookup(encoding).name)
    parts, before = {}, 0
    for path in paths:
        size = path.stat().st_size
        wanted = range(-before % PART_BYTES, size, PART_BYTES) if is_cut else ()
        places = {0, size, *(_line_start(path, place, size) for place in wanted)}
        for start, end in pairwise(sorted(places)):
            number = (before + start) // PART_BYTES
            parts.setdefault(number, []).append((path, start, end))
        before += size
    return list(parts.values())


def _line_start(path, place, size):
    """Returns the place of the first line that begins at a place or after it."""
    if not place:
        return 0
    with open(path, "rb") as file:
        place = file.seek(place - 1)
        while block := file.read(READ_AT_ONCE):
            if (end := block.find(b"\n")) >= 0:
                return place + end + 1
            place += len(block)
    return size
