"""Recognizes the character encoding of a user's text file by simple rules."""

import codecs
import re

# Byte order marks, the family that each belongs to, and the codec that skips it.
# UTF-32's little-endian mark begins with UTF-16's.
MARKS = (
    (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
TYPOGRAPHIC = frozenset("‘’‚“”„…–—«»‹›•·€£§°´©®™¡¿½¼¾º\xa0")  # noqa: RUF001
MIN_NULS = 8  # fewer are no pattern
MIN_SEQUENCES = 3  # of UTF-8; fewer may be another encoding's characters
# Control characters, or a run of letters that are not ASCII: not Western Europe's text.
FOREIGN = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]|[^\W\x00-\x7f]{4}")
MARKED = "\udcff"  # stands for bytes that cannot be decoded; no text has it


def is_encoding(name):
    """Returns whether Python can read text with this encoding."""
    try:
        "".encode(name)
    except (LookupError, ValueError):  # ValueError: "undefined", or a name with NUL
        return False
    return True


def codec_of(encoding, head):
    """Returns the codec that reads a file, or None if its first bytes contradict it.

    The codec skips a byte order mark. Without one, "utf-16" reads what has the pattern
    of UTF-16's bytes, and "utf-32" nothing, since the byte order is unknown. An empty
    file contradicts nothing.

    Args:
        encoding: Name of an encoding.
        head: The first bytes of the file.
    """
    name = codecs.lookup(encoding).name
    if not head:
        return name
    for mark, family, codec in MARKS:
        if head.startswith(mark):
            return codec if name.startswith(family) else None
    pattern = _utf16_without_mark(head)
    if name in ("utf-16", "utf-32"):
        return pattern
    return None if pattern and not name.startswith("utf-16") else name


def looks_like(content):
    """Returns the encoding that bytes look like, or None if no rule recognizes them.

    The rules know UTF-8, UTF-16, UTF-32 with a byte order mark, and cp1252, the
    encoding of Windows for languages of Western Europe.
    """
    for mark, family, _ in MARKS:
        if content.startswith(mark):
            return family
    if pattern := _utf16_without_mark(content):
        return pattern
    if content.isascii() or looks_like_utf8(content):
        return "utf-8"
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return None
    high = [c for c in text if c >= "\x80"]
    usual = sum(c.isalpha() or c in TYPOGRAPHIC for c in high)
    high_letters = sum(c.isalpha() for c in high)
    # In Western Europe most letters are ASCII; in Cyrillic or Greek few are.
    few = high_letters < 0.4 * sum(c.isalpha() for c in text)
    few = few and not FOREIGN.search(text)
    return "cp1252" if few and usual >= 0.9 * len(high) else None


def looks_like_utf8(content):
    """Returns whether bytes, which may end within a character, are UTF-8, not ASCII."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        return False
    return sum(c >= "\x80" for c in text) >= MIN_SEQUENCES


def _utf16_without_mark(content):
    """Returns the UTF-16 codec whose pattern of NUL bytes the content has, or None.

    In UTF-16 every second byte of ASCII letters, blanks and line ends is NUL.
    """
    for first, codec in ((1, "utf-16-le"), (0, "utf-16-be")):
        nuls, others = content[first::2].count(0), content[1 - first :: 2].count(0)
        if nuls >= MIN_NULS and nuls >= 0.1 * len(content) / 2 and nuls > 10 * others:
            return codec
    return None


def _mark(error):
    return MARKED, error.end


codecs.register_error("carousel.mark", _mark)


def undecodable_line(path, codec):
    """Returns the number, from 1, of the first line that a codec cannot decode."""
    with open(path, encoding=codec, errors="carousel.mark") as file:
        return next((n for n, line in enumerate(file, 1) if MARKED in line), 1)
