"""Normalizes Unicode text inside a graph: compatible forms, one case, one composition.

TensorFlow's core has no operation for it. The tables come from Python's `unicodedata`.
An export contains them, so that a served model does not depend on the server's version.
"""

import functools
import unicodedata

import numpy as np
import tensorflow as tf

from apps.common.data.ragged import row_ids
from apps.common.portable.unicode import piece

HANGUL, LEADING, VOWEL, TRAILING = 0xAC00, 0x1100, 0x1161, 0x11A7
PAIR = 2**21  # more than the largest code point
LEADINGS, VOWELS, TRAILINGS = 19, 21, 28

# Where code points have a case, a decomposition or a combining class, up to Unicode 16.
_RANGES = ((0, 0x3400), (0xA000, 0xAC00), (0xD7A4, 0x17000), (0x1AFF0, 0x1FC00))
_RANGES += ((0x2F800, 0x2FA20), (0xE0000, 0xE01F0))

# A graph that normalizes in several places stores the operations once.
_once = tf.function(
    autograph=False, input_signature=[tf.TensorSpec([None], "string", name="texts")]
)


@_once
def normalize(texts):
    """Brings texts to one form: NFKC, in lower case, without invisible characters.

    Same-looking texts become equal: composed and decomposed accents, full-width
    letters, ligatures. Soft hyphens, zero-width characters and variation selectors are
    removed. Two kinds of symbols stay: those whose compatible form is a blank and a
    mark, such as the acute accent U+00B4, and fractions, since 1½ is not 11/2. The
    language of the computer does not matter.

    Args:
        texts: Strings of valid UTF-8 without NUL, `(batch,)`.

    Returns:
        Strings, `(batch,)`.
    """
    rows = tf.where(~tf.strings.regex_full_match(texts, r"[\x00-\x7f]*"))
    lower = tf.strings.lower(texts)

    def replaced():
        code_points, splits, *_ = normalized_characters(tf.gather_nd(texts, rows))
        return tf.tensor_scatter_nd_update(lower, rows, encode(code_points, splits))

    return tf.cond(tf.size(rows) > 0, replaced, lambda: lower)


def encode(code_points, splits):
    """Returns the texts `(batch,)` of code points `(characters,)` in lower case."""
    texts = tf.strings.unicode_encode(
        tf.RaggedTensor.from_row_splits(code_points, splits, validate=False), "UTF-8"
    )
    return tf.strings.lower(texts, encoding="utf-8")  # only capital sigma is left


@_once
def normalized_characters(texts):
    """Returns the characters of normalized texts, and where each comes from.

    A character begins and ends with all its combining marks.

    Args:
        texts: Strings of valid UTF-8 without NUL, `(batch,)`.

    Returns:
        Code points, int32 `(characters,)`; the row splits, int64 `(batch + 1,)`; and
        the start and end of each character in its text, int32 `(characters,)`, in
        Unicode characters.
    """
    decoded = tf.strings.unicode_decode(texts, "UTF-8")
    row = row_ids(decoded)
    place = tf.range(tf.size(row)) - tf.cast(
        tf.gather(decoded.row_starts(), row), "int32"
    )
    code_points, source = _decomposed(decoded.flat_values)
    row, starts = tf.gather(row, source), tf.gather(place, source)
    code_points, classes, cluster = _ordered(code_points, row)
    clusters = tf.reduce_max(tf.pad(cluster, [[1, 0]])) + 1
    ends = tf.math.unsorted_segment_max(starts + 1, cluster, clusters)
    starts = tf.math.unsorted_segment_min(starts, cluster, clusters)
    state = (code_points, classes, row)
    state += (tf.gather(starts, cluster), tf.gather(ends, cluster))
    vector = tf.TensorShape([None])
    *state, _ = tf.while_loop(
        lambda *state: state[-1],
        lambda *state: _composed(*state[:-1]),
        (*state, tf.constant(True)),
        (*[vector] * len(state), tf.TensorShape([])),
    )
    code_points, _, row, starts, ends = state
    rows = tf.range(tf.size(texts, tf.int64) + 1)
    return code_points, tf.searchsorted(row, rows, out_type=tf.int64), starts, ends


def _decomposed(code_points):
    """Replaces each code point by those that `piece` gives; also returns its index."""
    keys, splits, pieces = _constants("decomposition")
    entry, known = _index(keys, code_points)
    first = tf.where(known, tf.gather(splits, entry), 0)
    length = tf.where(known, tf.gather(splits, entry + 1) - first, 1)
    flat = tf.ragged.range(first, first + length)
    source = row_ids(flat)
    known = tf.gather(known, source)
    pieces = tf.gather(pieces, tf.where(known, flat.flat_values, 0))
    return tf.where(known, pieces, tf.gather(code_points, source)), source


def _ordered(code_points, row):
    """Sorts the marks of each cluster by combining class, as Unicode (3.11) defines.

    A cluster is a character of class 0 and the marks after it in the same row.

    Returns:
        Code points, their classes and the index of their cluster, int32.
    """
    keys, values = _constants("classes")
    entry, known = _index(keys, code_points)
    classes = tf.where(known, tf.gather(values, entry), 0)
    begins = tf.not_equal(row, _before(row, -1)) | (classes == 0)
    cluster = tf.cumsum(tf.cast(begins, "int32")) - 1
    marks = tf.where(classes > 0)
    key = tf.gather_nd(cluster, marks) * 256 + tf.gather_nd(classes, marks)
    sorted_marks = tf.gather(marks, tf.argsort(key, stable=True))
    return (
        *(
            tf.tensor_scatter_nd_update(x, marks, tf.gather_nd(x, sorted_marks))
            for x in (code_points, classes)
        ),
        cluster,
    )


def _composed(code_points, classes, row, starts, ends):
    """Joins each starter with the first character after it that composes with it.

    A starter is a character of combining class 0. Returns the arguments without the
    characters that were joined, and whether there were any.
    """
    size = tf.size(code_points)
    place, is_starter = tf.range(size), classes == 0
    starters = tf.pad(tf.cast(tf.where(is_starter)[:, 0], "int32"), [[1, 0]])
    before = tf.cumsum(tf.cast(is_starter, "int32"), exclusive=True)
    starter = tf.gather(starters, before)
    composite = _composite(tf.gather(code_points, starter), code_points)
    is_free = (starter == place - 1) | (~is_starter & (_before(classes, 0) < classes))
    joins = is_free & (before > 0) & (tf.gather(row, starter) == row) & (composite > 0)
    first = tf.math.unsorted_segment_min(tf.where(joins, place, size), starter, size)
    joins &= tf.gather(first, starter) == place
    joined, kept = tf.where(joins), tf.where(~joins)
    starter = tf.gather_nd(starter, joined)[:, None]
    code_points = tf.tensor_scatter_nd_update(
        code_points, starter, tf.gather_nd(composite, joined)
    )
    ends = tf.tensor_scatter_nd_update(ends, starter, tf.gather_nd(ends, joined))
    state = (code_points, classes, row, starts, ends)
    return *(tf.gather_nd(x, kept) for x in state), tf.size(joined) > 0


def _composite(first, second):
    """Returns the code points that are composed of two others, or 0."""
    keys, composites = _constants("composition")
    key = tf.cast(first, "int64") * PAIR + tf.cast(second, "int64")
    entry, known = _index(keys, key)
    composite = tf.where(known, tf.gather(composites, entry), 0)
    leading, vowel = first - LEADING, second - VOWEL
    syllable, trailing = first - HANGUL, second - TRAILING
    composite = tf.where(
        (leading >= 0) & (leading < LEADINGS) & (vowel >= 0) & (vowel < VOWELS),
        HANGUL + (leading * VOWELS + vowel) * TRAILINGS,
        composite,
    )
    is_open = (syllable >= 0) & (syllable < LEADINGS * VOWELS * TRAILINGS)
    is_open &= syllable % TRAILINGS == 0
    return tf.where(
        is_open & (trailing > 0) & (trailing < TRAILINGS), first + trailing, composite
    )


def _index(keys, values):
    """Returns each value's index in sorted keys, and whether it is there."""
    entry = tf.minimum(tf.searchsorted(keys, values), tf.size(keys) - 1)
    return entry, tf.gather(keys, entry) == values


def _before(values, first):
    """Shifts values by one place."""
    return tf.concat([[tf.cast(first, values.dtype)], values], axis=0)[:-1]


@functools.cache
def _constants(name):
    """Returns a table as tensors outside any graph, which an export stores once."""
    with tf.init_scope():
        return tuple(map(tf.constant, tables()[name]))


@functools.cache
def tables():
    """Returns the tables of the normalization, tuples of arrays by name.

    Each table begins with its sorted keys. `decomposition` has code points (int32),
    row splits and code points; `classes` code points and combining classes;
    `composition` pairs `first * PAIR + second` (int64) and code points.
    """
    characters = [chr(n) for limits in _RANGES for n in range(*limits)]
    pieces = {c: p for c in characters if (p := piece(c)) != c}
    classes = {c: n for c in characters if (n := unicodedata.combining(c))}
    composition = dict(filter(None, map(_pair, characters)))
    lengths = [len(piece) for piece in pieces.values()]
    composed = sorted(composition)
    return {
        "decomposition": (
            _codes(pieces),
            np.cumsum([0, *lengths], dtype="int32"),
            _codes("".join(pieces.values())),
        ),
        "classes": (_codes(classes), np.array([*classes.values()], "int32")),
        "composition": (
            np.array([ord(a) * PAIR + ord(b) for a, b in composed], "int64"),
            _codes(composition[pair] for pair in composed),
        ),
    }


def _codes(characters):
    return np.array([ord(c) for c in characters], "int32")


def _pair(character):
    """Returns `((first, second), character)` if NFC makes it of two in lower case."""
    pieces = unicodedata.decomposition(character).split()
    if len(pieces) != 2 or pieces[0].startswith("<"):
        return None
    first, second = (chr(int(piece, 16)) for piece in pieces)
    if first != first.lower() or unicodedata.normalize("NFC", character) != character:
        return None
    return (first, second), character
