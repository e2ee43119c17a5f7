"""Tokens and vocabulary: the same TensorFlow operations in training and in serving."""

from collections import Counter
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.common.files import replacing

PADDING, UNKNOWN, END = "<pad>", "<unk>", "<eos>"
PADDING_ID, UNKNOWN_ID = 0, 1

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
    """Returns strings as a tensor of UTF-8; half characters become question marks."""
    return tf.constant([text.encode("utf-8", "replace") for text in texts], "string")


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
    texts = tf.strings.reduce_join(tokens, axis=-1, separator=" ")
    for pattern, replacement in _JOINTS:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    return texts


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
            texts: A sequence of strings.
            size: At most so many tokens of the texts.
            min_count: Rarer tokens are left out.
        """
        counts = Counter()
        for start in range(0, len(texts), 4096):
            tokens = tokenize(tf.constant(texts[start : start + 4096])).flat_values
            counts.update(tokens.numpy().tolist())
        counts.pop(UNKNOWN.encode(), None)
        counted = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        kept = [token.decode() for token, n in counted[:size] if n >= min_count]
        return cls(kept)

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
        with replacing(path) as aside:
            aside.write_text("\n".join(self.tokens) + "\n", encoding="utf-8")

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
