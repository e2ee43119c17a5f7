"""Tokens and vocabulary: the same TensorFlow operations in training and in serving."""

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
COUNTED = 10**6  # distinct tokens whose counts are held

# In the order in which they apply. \x01 holds the place of an apostrophe that belongs
# to its token, since RE2 has no look-ahead that could tell it from a quotation mark;
# \x02 stands at the end of each word, since RE2's \b knows ASCII letters only.
_REWRITES = (
    (r"<br\s*/?>", " "),
    (r"[\s\pZ\pC]+", " "),
    ("[\u2018\u2019]", "'"),
    (r"([\pL\pM\pN]+)", "\\1\x02"),
    (r"n\x02't\x02", " n\x01t"),
    (r"'(s|re|ve|ll|d|m)\x02", " \x01\\1"),
    (r"\x02", ""),
    (r"(\.\.\.|--|[^\pL\pM\pN\s\x01])", r" \1 "),
    (r"\x01", "'"),
)

# How words and marks are joined, in this order. What is joined stays as it is when more
# follows, so that a text can be shown while it is made; an odd quotation mark opens.
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
    """Returns strings as a tensor of UTF-8; half characters become question marks.

    Bytes stay as they are.
    """
    return tf.constant(
        [t if isinstance(t, bytes) else t.encode("utf-8", "replace") for t in texts],
        "string",
    )


def tokenize(texts):
    """Splits texts into lower-case words, numbers and marks, as GloVe 6B has them.

    "It isn't good!" gives it, is, n't, good, !. A text without any token gives the one
    token `<unk>`, so that every text has at least one timestep. Bytes that are not
    UTF-8 become U+FFFD.

    Args:
        texts: Strings, `(batch,)`.

    Returns:
        A ragged tensor of strings, `(batch, tokens)`.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.regex_replace(texts, r"\x00", " ")  # `lower` would stop there
    texts = tf.strings.lower(texts, encoding="utf-8")
    for pattern, replacement in _REWRITES:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    texts = tf.strings.strip(texts)
    return tf.strings.split(tf.where(texts == "", UNKNOWN, texts))


def join_words(tokens):
    """Writes words and marks as people write them.

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
    """Yields lists of at most so many texts, and of about `size` characters or bytes.

    Args:
        texts: An iterable of strings.
        rows: Texts after so many begin a new list,
        size: and so do those after so many characters.
    """
    batch, held = [], 0
    for text in texts:
        batch.append(text)
        held += len(text)
        if len(batch) >= rows or held >= size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


class TokenCounts:
    """Counts of tokens, in memory that has a bound.

    Up to `limit` distinct tokens all counts are exact. When there are more, half of
    them are dropped, the rarest, and `missed` rises: a variant of lossy counting (Manku
    and Motwani 2002, "Approximate frequency counts over data streams"). Then no count
    is too low, none is more than `missed` too high, and no token that occurred more
    often than `missed` is lacking; `missed` is less than 2 / `limit` of all tokens.

    >>> counts = TokenCounts()
    >>> counts.update([b"b", b"a", b"c", b"b"])
    >>> counts.most_frequent(2)
    ['b', 'a']

    Args:
        limit: Distinct tokens that are held at most; by default `COUNTED`.

    Attributes:
        missed: How often a token may have occurred that is not held.
    """

    def __init__(self, limit=None):
        self.limit, self.missed, self.counts = limit or COUNTED, 0, {}

    def update(self, tokens):
        """Counts tokens, an iterable of UTF-8."""
        for token, count in Counter(tokens).items():
            self.counts[token] = self.counts.get(token, self.missed) + count
        if len(self.counts) > self.limit:
            self._drop()

    def _drop(self):
        kept, held = self.limit // 2, len(self.counts)
        counts = np.fromiter(self.counts.values(), "int64", held)
        self.missed = int(np.partition(counts, held - kept - 1)[held - kept - 1])
        self.counts = {t: n for t, n in self.counts.items() if n > self.missed}

    def most_frequent(self, size, min_count=1, without=()):
        """Returns the most frequent tokens as strings; ties in alphabetical order.

        Args:
            size: At most so many.
            min_count: Rarer tokens are left out,
            without: and so are these.
        """
        skipped = {token.encode() for token in without}
        found = heapq.nsmallest(
            size,
            (
                (-count, token)
                for token, count in self.counts.items()
                if count >= min_count and token not in skipped
            ),
        )
        return [token.decode() for _, token in found]


class Vocabulary:
    """Tokens and their ids: 0 is padding, 1 the unknown token.

    Attributes:
        tokens: All tokens; a token's place is its id.
    """

    def __init__(self, tokens):
        """Takes the tokens from id 2 on, without repeats."""
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
        """Counts tokens and keeps the most frequent; ties in alphabetical order.

        Args:
            texts: An iterable of strings in UTF-8, which is read once.
            size: At most so many tokens of the texts.
            min_count: Rarer tokens are left out.
        """
        counts = TokenCounts()
        for batch in batches_of_texts(texts):
            counts.update(tokenize(tf.constant(batch)).flat_values.numpy().tolist())
        return cls(counts.most_frequent(size, min_count, without=(UNKNOWN,)))

    def extended(self, tokens):
        """Returns a vocabulary that has more tokens after its own; those it has stay.

        Args:
            tokens: Tokens without repeats.
        """
        own = set(self.tokens)
        return type(self)([*self.tokens[2:], *(t for t in tokens if t not in own)])

    def token_ids(self, texts, max_length=None):
        """Returns the ids of texts `(batch,)` as a ragged tensor `(batch, tokens)`.

        Args:
            texts: Strings, `(batch,)`.
            max_length: Tokens after so many are left out.
        """
        tokens = tokenize(texts)
        if max_length is not None:
            tokens = tokens[:, :max_length]
        return tokens.with_flat_values(self.lookup(tokens.flat_values))

    def save(self, path):
        """Writes one token a line; the line's number, from 0, is the id."""
        with atomic_write(path) as temporary:
            temporary.write_text("\n".join(self.tokens) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path):
        """Reads what `save` wrote.

        Raises:
            ValueError: If the file does not begin with the padding and unknown tokens.
        """
        tokens = Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")
        if tokens[:2] != [PADDING, UNKNOWN]:
            raise ValueError(
                f"{path}: a vocabulary begins with the lines {PADDING} and {UNKNOWN}. "
                f"Received: {tokens[:2]}."
            )
        return cls(tokens[2:])
