"""Normalizes Unicode text in plain Python: compatible forms, one case, composed.

`apps/common/data/unicode.py` does the same inside a graph, by tables made of `PIECES`.
"""

import re
import unicodedata
from itertools import pairwise

import regex

FINAL_SIGMA = "Σ"  # its lower case depends on its place in the word
FRACTION_SLASH = "\u2044"
JOINER = "\u034f"  # combining grapheme joiner: invisible, but of category Mn
KEPT_PIECES = 2**16  # bounds the memory of `PIECES`

# Characters other than ASCII, with the one before that may be composed with them.
_OTHERS = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")
# More marks in a row than any language has.
_MANY_MARKS = regex.compile(r"\P{ccc=0}{31}")


def is_invisible(character):
    """Returns whether a character is removed: format characters, selectors, joiner."""
    return (
        unicodedata.category(character) == "Cf"
        or "VARIATION SELECTOR" in unicodedata.name(character, "")
        or character == JOINER
    )


def piece(character):
    """Returns the decomposed lower case of a character; empty if it is invisible."""
    if is_invisible(character):
        return ""
    pieces = unicodedata.normalize("NFKD", character)
    if (pieces[0] == " " and pieces[1:]) or FRACTION_SLASH in pieces:
        pieces = unicodedata.normalize("NFD", character)
    return "".join(c if c == FINAL_SIGMA else c.lower() for c in pieces)


class _Pieces(dict):
    """What `piece` returns, by code point, as `str.translate` asks for it."""

    def __missing__(self, code_point):
        made = piece(chr(code_point))
        if len(self) < KEPT_PIECES:
            self[code_point] = made
        return made


PIECES = _Pieces()


def normalized(text):
    """Normalizes a text: NFKC, in lower case, without invisible characters.

    See `normalize` in `apps/common/data/unicode.py`.
    """
    if text.isascii():
        return text.lower()
    pieces = text.translate(PIECES)
    if _MANY_MARKS.search(pieces):  # NFC takes quadratic time, and holds the GIL
        return normalized_characters(text)[0]
    return unicodedata.normalize("NFC", pieces).lower()


def normalized_characters(text):
    """Returns the normalized text, and where each of its characters comes from.

    A character begins and ends with all its combining marks.

    Returns:
        The text; and two sequences with the start and the end of each of its
        characters in the text before, in Unicode characters.
    """
    if text.isascii():
        return text.lower(), range(len(text)), range(1, len(text) + 1)
    characters, starts, ends = [], [], []
    place = 0
    limits = [m.span() for m in _OTHERS.finditer(text)]
    for begin, end in [*limits, (len(text), len(text))]:
        characters += text[place:begin].lower()
        starts += range(place, begin)
        ends += range(place + 1, begin + 1)
        for character, _, *span in _composed(_located_pieces(text[begin:end], begin)):
            characters.append(character)
            starts.append(span[0])
            ends.append(span[1])
        place = end
    return "".join(characters).lower(), starts, ends  # only capital sigma is left


def _located_pieces(text, place):
    """Returns `(character, class, start, end)` of each piece, in canonical order.

    The marks after a character of combining class 0 are sorted by their class, as
    Unicode (3.11) defines, and share its place.
    """
    pieces = [
        (c, unicodedata.combining(c), n)
        for n, character in enumerate(text, place)
        for c in PIECES[ord(character)]
    ]
    begins = [n for n, (_, order, _) in enumerate(pieces) if n == 0 or not order]
    located = []
    for begin, end in pairwise([*begins, len(pieces)]):
        span = pieces[begin][2], pieces[end - 1][2] + 1
        cluster = sorted(pieces[begin:end], key=lambda item: item[1])
        located += [(c, order, *span) for c, order, _ in cluster]
    return located


def _composed(pieces):
    """Composes `(character, class, start, end)` in canonical order (Unicode, 3.11)."""
    composed, starter = [], None  # the place of the last character of class 0
    for character, order, start, end in pieces:
        if starter is not None:
            is_next = starter == len(composed) - 1
            if is_next or 0 < order > composed[-1][1]:
                first, _, first_start, _ = composed[starter]
                pair = unicodedata.normalize("NFC", first + character)
                if len(pair) == 1:
                    composed[starter] = pair, 0, first_start, end
                    continue
        if not order:
            starter = len(composed)
        composed.append((character, order, start, end))
    return composed
