"""Splits texts into tokens, by the same operations in training and in serving.

docs/tokens.md states the rules.
"""

import tensorflow as tf

from apps.common.data.ragged import joined, kept, row_ids
from apps.common.data.unicode import encode, normalize, normalized_characters
from apps.common.portable.patterns import (
    BLANK,
    CONTRACTED,
    JOINTS,
    LINE_BREAKS,
    LONG_MARKS,
    QUOTES,
    UNKNOWN,
    WORD,
)
from apps.common.portable.run_files import TOKEN_RULES
from apps.common.portable.scripts import CHARACTER

# Applied in this order. RE2 has no look-ahead, hence two marks that no text has any
# more: \x01 stands for an apostrophe that belongs to its token and is no quotation
# mark, \x02 ends each word. `portable/tokens.py` looks ahead instead.
_MARKUP = (*LINE_BREAKS, (BLANK, " "))
_OWN_TOKENS = (f"({CHARACTER})", r" \1 ")  # characters of scripts without blanks
_WORDS = (
    (QUOTES, "'"),
    (f"({WORD}+)", "\\1\x02"),
    (r"n\x02't\x02", " n\x01t"),
    (rf"'({CONTRACTED})\x02", " \x01\\1"),
    (r"\x02", ""),
    (rf"({LONG_MARKS}|[^{WORD[1:-1]}\s\x01])", r" \1 "),
    (r"\x01", "'"),
)


def encoded(texts):
    """Encodes strings as a tensor of UTF-8; unpaired surrogates become question marks.

    Items of type `bytes` stay as they are.
    """
    return tf.constant(
        [t if isinstance(t, bytes) else t.encode("utf-8", "replace") for t in texts],
        "string",
    )


def valid_utf8(texts):
    """Replaces bytes that are not UTF-8 by U+FFFD, in strings of any shape."""
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")


def without_nul(texts):
    """Replaces NUL by a blank: operations on strings stop there, and it has no id."""
    return tf.strings.regex_replace(texts, r"\x00", " ")


def is_blank(texts):
    """Returns whether strings have no visible character; of any shape, bool."""
    return tf.strings.regex_full_match(texts, f"{BLANK}*")


def tokenize(texts, rules=TOKEN_RULES):
    """Splits texts into lower-case words, numbers and punctuation, as in GloVe 6B.

    "It isn't good!" becomes it, is, n't, good, !. A text without tokens becomes
    `<unk>`, so that every text has at least one timestep. Bytes that are not UTF-8
    become U+FFFD.

    Args:
        texts: Strings, `(batch,)`.
        rules: Version of the rules; 1 neither normalizes Unicode nor splits scripts
            without blanks.

    Returns:
        A ragged tensor of strings, `(batch, tokens)`.
    """
    texts = without_nul(valid_utf8(texts))  # `lower` would stop at NUL
    if rules == 1:
        texts = tf.strings.lower(tf.strings.lower(texts), encoding="utf-8")
        return _words(rewritten(texts, _MARKUP))
    return _words(rewritten(normalize(texts), (*_MARKUP, _OWN_TOKENS)))


def words_of(texts, rules=TOKEN_RULES):
    """Splits texts as `tokenize` does; a text without tokens has none."""
    tokens = tokenize(texts, rules)
    return kept(tokens, tokens.flat_values != UNKNOWN)


def tokens_with_offsets(texts):
    """Splits texts as `tokenize` does, and says where each token stands.

    Args:
        texts: Strings, `(batch,)`.

    Returns:
        Three ragged tensors `(batch, tokens)`: the tokens, strings; and the start and
        end of each in its text, int32, in Unicode characters. The token of a text
        without tokens begins and ends at 0.
    """
    texts = without_nul(valid_utf8(texts))
    code_points, splits, starts, ends = normalized_characters(texts)
    texts = rewritten(encode(code_points, splits), _MARKUP)
    tokens = _words(rewritten(texts, (_OWN_TOKENS,)))
    # The tokens are the visible characters in their order.
    code_points = tf.strings.unicode_decode(texts, "UTF-8").flat_values
    visible = tf.where(code_points != ord(" "))
    unknown = tf.gather(is_blank(texts), row_ids(tokens))
    length = tf.strings.length(tokens.flat_values, unit="UTF8_CHAR")
    length = tf.where(unknown, 0, length)
    last = tf.cumsum(length)
    starts = tf.gather(tf.pad(tf.gather_nd(starts, visible), [[0, 1]]), last - length)
    ends = tf.gather(tf.pad(tf.gather_nd(ends, visible), [[1, 0]]), last)
    return (
        tokens,
        *(tokens.with_flat_values(tf.where(unknown, 0, x)) for x in (starts, ends)),
    )


def rewritten(texts, rewrites):
    """Replaces patterns in texts of any shape, in the order of `rewrites`."""
    for pattern, replacement in rewrites:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    return texts


def _words(texts):
    """Splits texts in lower case whose blanks are spaces."""
    texts = tf.strings.strip(rewritten(texts, _WORDS))
    return tf.strings.split(tf.where(texts == "", UNKNOWN, texts))


def join_words(tokens):
    """Joins words and punctuation into texts with the usual spacing.

    "it is n't ( yet ) done ." becomes "it isn't (yet) done.".

    Args:
        tokens: Strings, ragged `(batch, tokens)`.

    Returns:
        Strings, `(batch,)`.
    """
    return rewritten(joined(tokens, " "), JOINTS)


def batches_of_texts(texts, rows=4096, size=2**22):
    """Yields lists of at most `rows` texts and about `size` characters.

    Args:
        texts: An iterable of strings, or of `bytes`.
        rows: Maximum number of texts in a list.
        size: A list ends with the text that brings it to this many characters, or
            bytes.
    """
    batch, batch_size = [], 0
    for text in texts:
        batch.append(text)
        batch_size += len(text)
        if len(batch) >= rows or batch_size >= size:
            yield batch
            batch, batch_size = [], 0
    if batch:
        yield batch
