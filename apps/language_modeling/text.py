"""Tokenizes and detokenizes texts, by the same operations in training and serving."""

import sys

import numpy as np
import tensorflow as tf

from apps.common.data.ragged import joined
from apps.common.data.reading import TextReader, in_a_graph, split_at_blanks
from apps.common.data.text import (
    join_words,
    rewritten,
    valid_utf8,
    without_nul,
    words_of,
)
from apps.common.portable.patterns import END, LINE_JOINTS, NEW_LINE
from apps.common.portable.run_files import TOKEN_RULES


def tokens_of(texts, tokenization, rules=TOKEN_RULES):
    """Splits texts `(batch,)` into a ragged tensor of tokens, `(batch, tokens)`.

    Args:
        texts: Strings.
        tokenization: "words", "spaces" or "characters"; see `DataConfig.tokens`.
        rules: Version of the rules for words; see `tokenize`.
    """
    if tokenization == "words":
        return words_of(texts, rules)
    texts = without_nul(valid_utf8(texts))
    if tokenization == "spaces":
        return tf.strings.split(texts)
    characters = tf.strings.unicode_split(texts, "UTF-8")
    values = characters.flat_values
    return characters.with_flat_values(tf.where(values == "\n", NEW_LINE, values))


def reader_of(ids, tokenization, rules=TOKEN_RULES):
    """Returns a `TextReader` that finds the tokens of `tokens_of`.

    Args:
        ids: A dictionary from tokens to ids; see `TextReader`.
        tokenization: "words", "spaces" or "characters".
        rules: Version of the rules for words.
    """
    if tokenization == "words":
        return TextReader(ids, rules)
    split = split_at_blanks if tokenization == "spaces" else split_characters
    return TextReader(ids, rules, in_a_graph(tokens_of, tokenization), split)


def split_characters(texts):
    """Splits texts into characters, with the results of `split_at_blanks`."""
    texts = [text.decode("utf-8", "replace") for text in texts]
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), "<u4")
    places = np.zeros(sys.maxunicode + 1, "int32")
    places[codes] = 1
    characters = np.flatnonzero(places)
    places[characters] = np.arange(len(characters))
    pieces = [chr(code).encode() for code in characters]
    return pieces, places[codes], np.array([*map(len, texts)], "int64")


def token_ids(texts, vocabulary, tokenization):
    """Returns the ids of texts `(batch,)` as a ragged tensor; see `tokens_of`."""
    tokens = tokens_of(texts, tokenization, vocabulary.rules)
    return tokens.with_flat_values(vocabulary.lookup(tokens.flat_values))


def has_end_token(tokenization):
    """Returns whether each text is followed by the token `END`."""
    return tokenization != "characters"


def start_id(vocabulary, tokenization):
    """Returns the id of the token before a text: the one that ends texts."""
    return int(vocabulary.lookup(END if has_end_token(tokenization) else NEW_LINE))


def join(tokens, tokenization):
    """Detokenizes: joins tokens into texts.

    Args:
        tokens: Strings, ragged `(batch, tokens)`.
        tokenization: "words", "spaces" or "characters"; see `DataConfig.tokens`.

    Returns:
        Strings, `(batch,)`.
    """
    values = tokens.flat_values
    if tokenization == "characters":
        tokens = tokens.with_flat_values(tf.where(values == NEW_LINE, "\n", values))
        return joined(tokens)
    tokens = tokens.with_flat_values(tf.where(values == END, "\n", values))
    texts = join_words(tokens) if tokenization == "words" else joined(tokens, " ")
    return rewritten(texts, LINE_JOINTS)
