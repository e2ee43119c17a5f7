"""Encodes running text as token ids, before and after its vocabulary is known."""

from functools import partial

import numpy as np

from apps.common.data.reading import KnownIds
from apps.common.data.vocabulary import CountingReader, Vocabulary
from apps.common.portable.patterns import END, UNKNOWN
from apps.common.portable.progress import Progress
from apps.language_modeling.files import Piece
from apps.language_modeling.text import has_end_token, reader_of

REPLACED = 2**20  # numbers of tokens that are replaced at once


def write_numbers(texts, config, file, unit=None):
    """Writes the number of each token; numbers follow the order of appearance.

    Args:
        texts: An iterable of strings; those of type `Piece` continue in the next one.
        config: A `DataConfig`.
        file: A binary file, which gets the numbers as int32.
        unit: Name of a text, for the progress; None shows none.

    Returns:
        The `CountingReader`, which has the tokens and their counts.
    """
    reader = CountingReader(_make_reader(config))
    for numbers in _batches(texts, config, reader, unit):
        file.write(numbers)
    return reader


def known_ids(texts, config, vocabulary, unit=None):
    """Yields the token ids of texts, int32 arrays; see `write_numbers`."""
    reader = _make_reader(config)(KnownIds(vocabulary.tokens))
    yield from _batches(texts, config, reader, unit)


def build_vocabulary(config, counts):
    """Returns the `Vocabulary` of counted tokens, most frequent tokens first.

    Args:
        config: A `DataConfig`.
        counts: `TokenCounts` of the training split.

    Raises:
        ValueError: If no token is frequent enough.
    """
    kept = counts.most_frequent(
        config.vocabulary_size, config.min_count, without=(UNKNOWN, END)
    )
    if not kept:
        raise ValueError(
            f"data.dataset={config.dataset}: the train split has no token that "
            f"occurs {config.min_count} times. Give a longer text, or a lower "
            "data.min_count."
        )
    tokens = [END] * has_end_token(config.tokens) + kept
    return Vocabulary(tokens, config.token_rules)


def empty_split(config, split):
    """Returns the error for a split without tokens."""
    return ValueError(
        f"data.dataset={config.dataset}: the {split} split is empty. Give a longer "
        "text."
    )


def id_table(tokens, known):
    """Returns the ids of tokens, int32 `(tokens,)`: by it numbers become ids.

    Args:
        tokens: Tokens, UTF-8 `bytes`, in the order of their numbers.
        known: `KnownIds` of the vocabulary.
    """
    return np.fromiter(map(known.__getitem__, tokens), "int32", len(tokens))


def _make_reader(config):
    return partial(reader_of, tokenization=config.tokens, rules=config.token_rules)


def _batches(texts, config, reader, unit):
    """Yields the ids of texts, int32, with the end token after each text.

    A text without tokens has no end token.
    """
    bar = Progress(None, unit)
    since_end = 0  # number of tokens
    for batch, ids, lengths in reader.read(texts):
        if has_end_token(config.tokens):
            is_whole = np.array([not isinstance(text, Piece) for text in batch])
            ends = np.cumsum(lengths)
            lasts = ends[is_whole]
            counts = np.diff(lasts, prepend=-since_end)
            since_end = len(ids) - lasts[-1] if len(lasts) else since_end + len(ids)
            ids = np.insert(ids, lasts[counts > 0], reader.ids[END.encode()])
        yield ids.astype("int32")
        bar.add(len(batch))
    bar.close()
