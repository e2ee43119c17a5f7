"""Tokenization and vocabulary, by the same operations in training and in serving."""

import heapq
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.common.data.ragged import joined
from apps.common.portable.files import atomic_write

PADDING, UNKNOWN, END = "<pad>", "<unk>", "<eos>"
PADDING_ID, UNKNOWN_ID = 0, 1
WORD, BLANK = r"[\pL\pM\pN]", r"[\s\pZ\pC]"  # a character of a word, a blank one
COUNTED = 10**6  # maximum number of distinct tokens that are counted

# Applied in this order. \x01 stands for an apostrophe that belongs to its token: RE2
# has no look-ahead to distinguish it from a quotation mark. \x02 ends each word: RE2's
# \b knows ASCII letters only.
_REWRITES = (
    (r"<br\s*/?>", " "),
    (f"{BLANK}+", " "),
    ("[\u2018\u2019]", "'"),
    (f"({WORD}+)", "\\1\x02"),
    (r"n\x02't\x02", " n\x01t"),
    (r"'(s|re|ve|ll|d|m)\x02", " \x01\\1"),
    (r"\x02", ""),
    (r"(\.\.\.|--|[^\pL\pM\pN\s\x01])", r" \1 "),
    (r"\x01", "'"),
)

# Rules that join words and punctuation, applied in this order. Later tokens do not
# change text that is already joined, so that a text can be shown while it is generated.
# A quotation mark without a partner opens a quotation.
_JOINTS = (
    (r'" ([^"]*?) ?"', r'"\1"'),
    (r'" ([^"]*)$', r'"\1'),
    (r" ([.,;:!?%)\]}])", r"\1"),
    (r"([(\[{$£€#]) ", r"\1"),
    (r" (n't|'(?:s|re|ve|ll|d|m))\b", r"\1"),
    (r"([\pL\pN]) -( |$)", r"\1-"),
    (r"(\pN)([.:]) (\pN)", r"\1\2\3"),
    (r"(\pN), (\pN{3})\b", r"\1,\2"),
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


def tokenize(texts):
    """Splits texts into lower-case words, numbers and punctuation, as in GloVe 6B.

    "It isn't good!" becomes it, is, n't, good, !. A text without tokens becomes
    `<unk>`, so that every text has at least one timestep. Bytes that are not UTF-8
    become U+FFFD.

    Args:
        texts: Strings, `(batch,)`.

    Returns:
        A ragged tensor of strings, `(batch, tokens)`.
    """
    texts = valid_utf8(texts)
    texts = without_nul(texts)  # `lower` would stop there
    texts = tf.strings.lower(texts, encoding="utf-8")
    for pattern, replacement in _REWRITES:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    texts = tf.strings.strip(texts)
    return tf.strings.split(tf.where(texts == "", UNKNOWN, texts))


def join_words(tokens):
    """Joins words and punctuation into texts with the usual spacing.

    "it is n't ( yet ) done ." becomes "it isn't (yet) done.".

    Args:
        tokens: Strings, ragged `(batch, tokens)`.

    Returns:
        Strings, `(batch,)`.
    """
    texts = joined(tokens, " ")
    for pattern, replacement in _JOINTS:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    return texts


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


class TokenCounts:
    """Counts tokens in bounded memory, by lossy counting.

    Up to `limit` distinct tokens, all counts are exact. Beyond that, the rarest half is
    dropped and `missed` rises. This is a variant of lossy counting (Manku and Motwani
    2002, "Approximate frequency counts over data streams"). Then no count is too low,
    and none is more than `missed` too high. Every token that occurred more than
    `missed` times is counted. `missed` is less than 2 / `limit` of all tokens.

    >>> counts = TokenCounts()
    >>> counts.update([b"b", b"a", b"c", b"b"])
    >>> counts.most_frequent(2)
    ['b', 'a']

    Args:
        limit: Maximum number of distinct tokens in memory; the default is `COUNTED`.

    Attributes:
        missed: Maximum number of occurrences of a token that has no count.
    """

    def __init__(self, limit=None):
        self.limit, self.missed, self.counts = limit or COUNTED, 0, {}

    def update(self, tokens):
        """Adds tokens, an iterable of UTF-8 `bytes`, to the counts."""
        for token, count in Counter(tokens).items():
            self.counts[token] = self.counts.get(token, self.missed) + count
        if len(self.counts) > self.limit:
            self._drop()

    def _drop(self):
        dropped = len(self.counts) - self.limit // 2
        counts = np.fromiter(self.counts.values(), "int64", len(self.counts))
        self.missed = int(np.partition(counts, dropped - 1)[dropped - 1])
        self.counts = {t: n for t, n in self.counts.items() if n > self.missed}

    def most_frequent(self, size, min_count=1, without=()):
        """Returns the most frequent tokens as strings; ties in alphabetical order.

        Args:
            size: Maximum number of tokens.
            min_count: Minimum number of occurrences of a token.
            without: Tokens to leave out.
        """
        skipped = {token.encode() for token in without}
        pairs = heapq.nsmallest(
            size,
            (
                (-count, token)
                for token, count in self.counts.items()
                if count >= min_count and token not in skipped
            ),
        )
        return [token.decode() for _, token in pairs]


class Vocabulary:
    """Maps tokens to ids; 0 is padding, 1 the unknown token.

    Attributes:
        tokens: All tokens, in the order of their ids.
    """

    def __init__(self, tokens):
        """Stores the tokens from id 2 on; they must be distinct."""
        self.tokens = [PADDING, UNKNOWN, *tokens]
        self.lookup = keras.layers.StringLookup(
            vocabulary=np.array(self.tokens[2:]), mask_token="", oov_token=UNKNOWN
        )
        self.lookup.build((None,))  # an export refuses a layer that is not built

    def __len__(self):
        """Returns the number of ids, padding and unknown included."""
        return len(self.tokens)

    @classmethod
    def from_texts(cls, texts, size, min_count=1):
        """Builds a vocabulary of the most frequent tokens; ties in alphabetical order.

        Args:
            texts: An iterable of strings in UTF-8, which is read once.
            size: Maximum number of tokens, besides padding and unknown.
            min_count: Minimum number of occurrences of a token.
        """
        counts = TokenCounts()
        for batch in batches_of_texts(texts):
            counts.update(tokenize(tf.constant(batch)).flat_values.numpy().tolist())
        return cls(counts.most_frequent(size, min_count, without=(UNKNOWN,)))

    def extended(self, tokens):
        """Returns a vocabulary with more tokens at the end; existing ids stay.

        Args:
            tokens: Distinct tokens; those that the vocabulary has already are skipped.
        """
        known = set(self.tokens)
        return type(self)([*self.tokens[2:], *(t for t in tokens if t not in known)])

    def token_ids(self, texts, max_length=None):
        """Returns the ids of texts `(batch,)` as a ragged tensor `(batch, tokens)`.

        Args:
            texts: Strings, `(batch,)`.
            max_length: Maximum number of tokens per text; later ones are cut off. None
                keeps all.
        """
        tokens = tokenize(texts)
        if max_length is not None:
            tokens = tokens[:, :max_length]
        return tokens.with_flat_values(self.lookup(tokens.flat_values))

    def save(self, path):
        """Writes one token per line; the line number, from 0, is the token's id."""
        with atomic_write(path) as temporary:
            temporary.write_text("\n".join(self.tokens) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path):
        """Reads a vocabulary that `save` wrote.

        Raises:
            ValueError: If the file does not begin with the padding and unknown tokens.
        """
        tokens = Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")
        if tokens[:2] != [PADDING, UNKNOWN]:
            raise ValueError(
                f"{path}: not a vocabulary: the first two lines must be {PADDING} and "
                f"{UNKNOWN}. Received: {tokens[:2]}."
            )
        return cls(tokens[2:])
