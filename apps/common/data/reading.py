"""Reads texts as token ids, and tokenizes each distinct piece of text once.

A rule for tokens looks no further than the blanks around it. So texts are split at the
white space of ASCII, and the ids of each piece are looked up. A new piece gets its
tokens from the operations of a served model (`text.py`), or if it is ASCII from the
faster `tokenize_pieces`. One rule spans blanks, that of `<br />`; see `TextReader`.
"""

import functools
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from apps.common.data.text import batches_of_texts, words_of
from apps.common.portable.patterns import UNKNOWN, UNKNOWN_ID
from apps.common.portable.run_files import TOKEN_RULES
from apps.common.portable.tokens import SEPARATOR, tokenize_pieces

KEPT = 2**18  # maximum number of pieces in memory
KEPT_BYTES = 2**25  # maximum size of these pieces
_OPEN, _LAST = re.compile(rb"(?i)<br\0*\Z"), b"rR\0"  # an open piece, its last byte
BATCH_TEXTS, BATCH_SIZE = 2**16, 2**21  # maximum of texts that are read at once
NEW_PIECES, NEW_SIZE = 2**16, 2**20  # maximum of pieces that are tokenized at once


@functools.cache
def in_a_graph(tokens_of, *arguments):
    """Compiles a function from texts to a ragged tensor of tokens.

    Args:
        tokens_of: Function of texts and `arguments`, such as `words_of`.
        arguments: Further arguments.
    """
    return tf.function(
        lambda texts: tokens_of(texts, *arguments),
        autograph=False,
        input_signature=[tf.TensorSpec([None], "string")],
    )


def split_at_blanks(texts):
    """Splits texts at the white space of ASCII.

    Args:
        texts: A list of `bytes`.

    Returns:
        The distinct pieces, a list of `bytes`; the index there of each piece of the
        texts, `(pieces,)`; and the number of pieces of each text, `(batch,)`.
    """
    return _split(_strings(texts))


def split_words(texts):
    """Splits texts as `split_at_blanks`, after `<br />` is rewritten as ` <br/>`.

    The tokens stay the same, and `<br/>` has no blank at which it would be split.
    """
    return _split(pc.replace_substring(_strings(texts), "<br />", " <br/>"))


def _strings(texts):
    return pa.array(texts, pa.binary()).view(pa.string())  # not checked as UTF-8


def _split(strings):
    rows = pc.ascii_split_whitespace(strings)
    encoded = rows.values.dictionary_encode()
    pieces = encoded.dictionary.view(pa.binary()).to_pylist()
    return pieces, encoded.indices.to_numpy(), np.diff(rows.offsets.to_numpy())


class KnownIds(dict):
    """Maps tokens, UTF-8 `bytes`, to the ids of a vocabulary; others to `UNKNOWN_ID`.

    Args:
        tokens: Strings, in the order of their ids; padding and unknown come first.
    """

    def __init__(self, tokens):
        ids = enumerate(tokens)
        super().__init__((t.encode(), n) for n, t in ids if n > UNKNOWN_ID)

    def __missing__(self, token):
        """Returns the id of a token outside the vocabulary."""
        return UNKNOWN_ID


class NewIds(dict):
    """Maps tokens, UTF-8 `bytes`, to ids; a token without an id gets the next one.

    Args:
        first: The first id.
        known: A dictionary of tokens that have ids already, which are less.
    """

    def __init__(self, first=0, known=()):
        self.first, self.known = first, dict(known)

    def __missing__(self, token):
        """Returns the id of a new token."""
        number = self.known.get(token)
        if number is None:
            number = self[token] = self.first + len(self)
        return number


class _Numbers(dict):
    """Numbers pieces in the order in which they come, and lists the new ones."""

    def __init__(self):
        self.new = []

    def __missing__(self, piece):
        number = self[piece] = len(self)
        self.new.append(piece)
        return number


class TextReader:
    """Reads texts as the ids of their tokens, which are those of the graph.

    If the tokens of a piece end with `<` and `br`, the next piece may complete a line
    break of HTML. Such a text is tokenized as a whole.

    Args:
        ids: A dictionary from tokens, UTF-8 `bytes`, to ids, with `__missing__`.
        rules: Version of the rules for words.
        tokenize: A function of `in_a_graph` that splits texts into other tokens than
            words, each within a piece. None splits into words, by `words_of`.
        split: A function from texts to pieces, such as `split_at_blanks`.
    """

    def __init__(self, ids, rules=TOKEN_RULES, tokenize=None, split=split_words):
        self.ids, self.split, self.is_words = ids, split, tokenize is None
        self._tokenize = tokenize or in_a_graph(words_of, rules)
        self.clear()

    def clear(self):
        """Forgets all pieces and the ids of their tokens."""
        self._numbers, self._size, self._open = _Numbers(), 0, []
        self._starts, self._lengths, self._ids = np.zeros((3, 0), "int32")

    def read(self, texts):
        """Yields texts in batches, with the ids of their tokens.

        Args:
            texts: An iterable of strings or `bytes`; unpaired surrogates of a string
                become question marks.

        Yields:
            A list of texts; the ids of all their tokens, int32 `(tokens,)`; and the
            number of tokens of each text, int32 `(batch,)`.
        """
        batches = batches_of_texts(texts, BATCH_TEXTS, BATCH_SIZE)
        pairs = ((batch, list(map(_as_bytes, batch))) for batch in batches)
        for (batch, encoded), pieces in _ahead(lambda pair: self.split(pair[1]), pairs):
            yield batch, *self._ids_of(encoded, *pieces)

    def rows(self, texts, max_length=None):
        """Yields the ids of each text, at least one: that of `<unk>`.

        Args:
            texts: An iterable of strings or `bytes`.
            max_length: Maximum number of tokens of a text; later ones are cut off.
        """
        for _, ids, lengths in self.read(texts):
            start = 0
            for length in lengths.tolist():
                row = ids[start : start + length][:max_length]
                start += length
                yield row if length else np.array([self.ids[UNKNOWN.encode()]], "int32")

    def _ids_of(self, texts, pieces, index, counts):
        """Returns the ids and the number of tokens of texts; see `split_at_blanks`."""
        if len(self._numbers) > KEPT or self._size > KEPT_BYTES:
            self.clear()
        numbers = self._numbered(pieces)[index]
        if self._open:
            numbers, counts = self._with_whole_texts(texts, numbers, counts)
        lengths = self._lengths[numbers]
        ends = np.zeros(len(numbers) + 1, "int32")
        np.cumsum(lengths, out=ends[1:])
        places = np.repeat(self._starts[numbers] - ends[:-1], lengths)
        ids = self._ids[places + np.arange(len(places), dtype="int32")]
        return ids, np.diff(ends[np.cumsum(counts)], prepend=0)

    def _numbered(self, pieces, are_pieces=True):
        """Returns the numbers of pieces; tokenizes those that are new."""
        numbers = self._numbers
        found = np.fromiter(map(numbers.__getitem__, pieces), "int32", len(pieces))
        new, numbers.new = numbers.new, []
        for part in batches_of_texts(new, NEW_PIECES, NEW_SIZE):
            self._add(part, are_pieces and self.is_words)
        return found

    def _add(self, new, are_pieces_of_words):
        first, count = len(self._lengths), len(new)
        self._size += sum(map(len, new))
        starts, lengths = np.zeros((2, count), "int32")
        is_ascii = np.fromiter(map(bytes.isascii, new), bool, count)
        is_ascii &= are_pieces_of_words
        parts = [self._ids]
        for mask, tokenize in ((is_ascii, _of_ascii), (~is_ascii, self._of_others)):
            places = np.flatnonzero(mask)
            if not len(places):
                continue
            tokens, lengths[places], is_open = tokenize([new[n] for n in places])
            self._open += (first + places[is_open]).tolist()
            starts[places] = np.cumsum(lengths[places]) - lengths[places]
            starts[places] += sum(map(len, parts))
            ids = map(self.ids.__getitem__, tokens)
            parts.append(np.fromiter(ids, "int32", len(tokens)))
        self._ids = np.concatenate(parts)
        self._starts = np.concatenate([self._starts, starts])
        self._lengths = np.concatenate([self._lengths, lengths])

    def _of_others(self, pieces):
        """Returns tokens of the graph, how many each piece has, and which are open."""
        ragged = self._tokenize(tf.constant(pieces))
        tokens, ends = ragged.flat_values.numpy(), ragged.row_splits.numpy()
        is_open = np.zeros(len(pieces), bool)
        if self.is_words and len(tokens) > 1:
            is_br = (tokens[1:] == b"br") & (tokens[:-1] == b"<")
            is_open = (np.diff(ends) > 1) & is_br[np.maximum(ends[1:] - 2, 0)]
        return tokens.tolist(), np.diff(ends), is_open

    def _with_whole_texts(self, texts, numbers, counts):
        """Replaces the pieces of each text with an open piece by the whole text."""
        is_open = np.isin(numbers, self._open)
        rows = np.unique(np.repeat(np.arange(len(counts)), counts)[is_open])
        whole = self._numbered([texts[row] for row in rows], are_pieces=False)
        starts, kept = np.cumsum(counts) - counts, np.ones(len(numbers), bool)
        for row, number in zip(rows, whole, strict=True):
            kept[starts[row] : starts[row] + counts[row]] = False
            kept[starts[row]], numbers[starts[row]] = True, number
        counts = counts.copy()
        counts[rows] = 1
        return numbers[kept], counts


def _of_ascii(pieces):
    """Returns `tokenize_pieces`, how many each piece has, and which are open."""
    tokens = tokenize_pieces(pieces)
    ends = np.array([n for n, token in enumerate(tokens) if token == SEPARATOR])
    lengths = np.diff(ends, prepend=-1) - 1
    is_open = np.array([p[-1:] in _LAST and bool(_OPEN.search(p)) for p in pieces])
    return [t for t in tokens if t != SEPARATOR], lengths, is_open


def _as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")


def _ahead(function, items):
    """Yields items with what a function returns; a thread calls it one item ahead."""
    with ThreadPoolExecutor(1) as pool:
        pending = None
        for item in items:
            following = item, pool.submit(function, item)
            if pending:
                yield pending[0], pending[1].result()
            pending = following
        if pending:
            yield pending[0], pending[1].result()
