"""Splits texts into tokens with offsets, and cuts spans out of texts."""

import tensorflow as tf

from apps.common.data.ragged import row_ids
from apps.common.data.text import is_blank, tokens_with_offsets, valid_utf8
from apps.common.portable.patterns import BLANK, UNKNOWN, WORD


def located_tokens(texts, rules):
    """Returns tokens, starts and ends, as `tokens_with_offsets`.

    Args:
        texts: Strings, `(batch,)`.
        rules: Version of the rules. By version 1 each mark of punctuation is a token,
            and what is between two of them is another; nothing is normalized.
    """
    return _first_rules(texts) if rules == 1 else tokens_with_offsets(texts)


def _first_rules(texts):
    texts = valid_utf8(texts)
    empty = is_blank(texts)
    characters = tf.strings.unicode_split(tf.where(empty, "?", texts), "UTF-8")
    values, row = characters.flat_values, row_ids(characters)
    inside = tf.strings.regex_full_match(values, WORD)
    blank = tf.strings.regex_full_match(values, BLANK)
    offset = tf.range(tf.size(values)) - tf.cast(
        tf.gather(characters.row_starts(), row), "int32"
    )
    follows = tf.concat([[False], inside[:-1]], axis=0)[: tf.size(values)]
    begins = ~blank & ~(inside & follows & (offset > 0))
    first = tf.where(begins)[:, 0]
    count, row = tf.size(first), tf.gather(row, first)
    # The token of each character; blanks are in one more token, which is dropped.
    token = tf.where(blank, count, tf.cumsum(tf.cast(begins, "int32")) - 1)
    words = tf.strings.unsorted_segment_join(values, token, count + 1)[:-1]
    words = tf.strings.lower(words, encoding="utf-8")
    starts = tf.gather(offset, first)
    ends = tf.math.unsorted_segment_max(offset + 1, token, count + 1)[:-1]
    empty = tf.gather(empty, row)
    words, ends = tf.where(empty, UNKNOWN, words), tf.where(empty, 0, ends)
    rows = tf.range(tf.size(texts, tf.int64) + 1)
    splits = tf.searchsorted(row, rows, out_type=tf.int64)
    return tuple(
        tf.RaggedTensor.from_row_splits(values, splits, validate=False)
        for values in (words, starts, ends)
    )


def cut(texts, starts, ends):
    """Returns the span of each text from `starts` to `ends`, all `(batch,)`."""
    return tf.strings.substr(texts, starts, ends - starts, unit="UTF8_CHAR")
