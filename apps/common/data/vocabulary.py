"""Counts tokens and gives them ids."""

import heapq
from collections import Counter

import numpy as np

from apps.common.data.reading import KEPT, KnownIds, NewIds, TextReader
from apps.common.data.spool import Spool
from apps.common.data.text import tokenize
from apps.common.portable.files import atomic_write
from apps.common.portable.patterns import PADDING, UNKNOWN
from apps.common.portable.run_files import TOKEN_RULES
from apps.common.portable.vocabulary import read_tokens

COUNTED = 10**6  # maximum number of distinct tokens that are counted


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
        self.add(Counter(tokens).items())

    def add(self, pairs):
        """Adds pairs of a token, UTF-8 `bytes`, and how often it occurred."""
        for token, count in pairs:
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


class CountingReader:
    """Reads texts before there is a vocabulary: counts tokens, and numbers them.

    When more than `KEPT` tokens have numbers, they and their counts are written down,
    and the next batch of texts begins a new segment: a token that comes again gets
    another number.

    Args:
        make_reader: Function that makes a `TextReader` of a dictionary of ids.

    Attributes:
        ids: The numbers of the tokens of this segment, by token.
    """

    def __init__(self, make_reader=TextReader):
        self.ids, self._segment_counts = NewIds(), np.zeros(0, "int64")
        self._reader = make_reader(self.ids)
        self._tokens, self._counts = Spool(bytes), Spool("int64")

    def read(self, texts):
        """Yields what `TextReader.read` yields, with numbers of tokens instead of ids.

        Args:
            texts: An iterable of strings or `bytes`.
        """
        for batch, ids, lengths in self._reader.read(texts):
            counts = np.bincount(ids - self.ids.first, minlength=len(self.ids))
            counts[: len(self._segment_counts)] += self._segment_counts
            self._segment_counts = counts
            yield batch, ids, lengths
            if len(self.ids) > KEPT:
                self._end_segment()
        if self.ids:
            self._end_segment()

    def _end_segment(self):
        self._tokens.append(b"\n".join(self.ids))
        counts, size = self._segment_counts, len(self.ids)
        self._counts.append(np.pad(counts, (0, size - len(counts))))
        self._segment_counts = counts[:0]
        self.ids.clear()
        self.ids.first += size
        self._reader.clear()

    def segments(self):
        """Yields the tokens of each segment, a list in the order of their numbers.

        Beside it stands how often each occurred, int64 `(tokens,)`: 0 for a token that
        the caller has put in `ids`.
        """
        for tokens, counts in zip(self._tokens, self._counts, strict=True):
            yield tokens.split(b"\n"), counts

    def counts(self):
        """Returns the `TokenCounts` of all segments."""
        counts = TokenCounts()
        for tokens, numbers in self.segments():
            counts.add(zip(tokens, numbers.tolist(), strict=True))
        return counts


class Vocabulary:
    """Maps tokens to ids; 0 is padding, 1 the unknown token.

    Attributes:
        tokens: All tokens, in the order of their ids.
        rules: Version of the rules by which texts become tokens; see `tokenize`.
    """

    def __init__(self, tokens, rules=TOKEN_RULES):
        """Stores the tokens from id 2 on; they must be distinct."""
        import keras  # here: processes that only count tokens have no Keras

        self.rules = rules
        self.tokens = [PADDING, UNKNOWN, *tokens]
        self.lookup = keras.layers.StringLookup(
            vocabulary=np.array(self.tokens[2:]), mask_token="", oov_token=UNKNOWN
        )
        self.lookup.build((None,))  # an export refuses a layer that is not built

    def __len__(self):
        """Returns the number of ids, padding and unknown included."""
        return len(self.tokens)

    @classmethod
    def from_texts(cls, texts, size, min_count=1, rules=TOKEN_RULES):
        """Builds a vocabulary of the most frequent tokens; ties in alphabetical order.

        Args:
            texts: An iterable of strings or `bytes`, which is read once.
            size: Maximum number of tokens, besides padding and unknown.
            min_count: Minimum number of occurrences of a token.
            rules: Version of the rules by which texts become tokens.
        """
        reader = CountingReader(lambda ids: TextReader(ids, rules))
        for _ in reader.read(texts):
            pass
        kept = reader.counts().most_frequent(size, min_count, without=(UNKNOWN,))
        return cls(kept, rules)

    def extended(self, tokens):
        """Returns a vocabulary with more tokens at the end; existing ids stay.

        Args:
            tokens: Distinct tokens; those that the vocabulary has already are skipped.
        """
        known = set(self.tokens)
        added = (t for t in tokens if t not in known)
        return type(self)([*self.tokens[2:], *added], self.rules)

    def token_ids(self, texts, max_length=None):
        """Returns the ids of texts `(batch,)` as a ragged tensor `(batch, tokens)`.

        Args:
            texts: Strings, `(batch,)`.
            max_length: Maximum number of tokens per text; later ones are cut off. None
                keeps all.
        """
        tokens = tokenize(texts, self.rules)
        if max_length is not None:
            tokens = tokens[:, :max_length]
        return tokens.with_flat_values(self.lookup(tokens.flat_values))

    def encode(self, texts, max_length=None):
        """Yields the ids of each text, those of `token_ids`, without a graph.

        Args:
            texts: An iterable of strings or `bytes`.
            max_length: Maximum number of tokens per text; later ones are cut off.
        """
        reader = TextReader(KnownIds(self.tokens), self.rules)
        return reader.rows(texts, max_length)

    def save(self, path):
        """Writes one token per line; the line number, from 0, is the token's id."""
        with atomic_write(path) as temporary:
            temporary.write_text("\n".join(self.tokens) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path, rules=TOKEN_RULES):
        """Reads a vocabulary that `save` wrote.

        Args:
            path: Path of the file.
            rules: Version of the rules by which texts become tokens.

        Raises:
            ValueError: If it is not a vocabulary; see `read_tokens`.
        """
        return cls(read_tokens(path)[2:], rules)
