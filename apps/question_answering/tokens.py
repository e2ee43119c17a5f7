"""Words of a text and where each stands, the same in training and in serving."""

import tensorflow as tf


def tokens_with_offsets(texts):
    """Splits texts into words, numbers and marks, in lower case.

    Args:
        texts: Strings, `(batch,)`.

    Returns:
        Three ragged tensors `(batch, tokens)`: the tokens, strings; and int32 where
        each begins in its text and where it ends, in Unicode characters.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    characters = tf.strings.unicode_split(texts, "UTF-8")
    values = characters.flat_values
    inside = tf.strings.regex_full_match(values, r"[\pL\pM\pN]")
    blank = tf.strings.regex_full_match(values, r"[\s\pZ\pC]")
    place = tf.range(tf.size(values)) - tf.cast(
        tf.gather(characters.row_starts(), characters.value_rowids()), "int32"
    )
    follows = tf.concat([[False], inside[:-1]], axis=0)[: tf.size(values)]
    begins = ~blank & ~(inside & follows & (place > 0))
    number = tf.cumsum(tf.cast(begins, "int32")) - 1  # of each character's token
    kept = ~blank
    row = tf.boolean_mask(characters.value_rowids(), begins)
    pieces = tf.RaggedTensor.from_value_rowids(
        tf.boolean_mask(values, kept),
        tf.cast(tf.boolean_mask(number, kept), "int64"),
        nrows=tf.cast(tf.size(row), "int64"),
    )
    words = tf.strings.lower(tf.strings.reduce_join(pieces, axis=-1), encoding="utf-8")
    starts = tf.boolean_mask(place, begins)
    ends = starts + tf.cast(pieces.row_lengths(), "int32")

    def by_text(values):
        return tf.RaggedTensor.from_value_rowids(
            values, row, nrows=tf.cast(tf.shape(texts)[0], "int64")
        )

    return by_text(words), by_text(starts), by_text(ends)


def cut(texts, starts, ends):
    """Returns the characters of texts `(batch,)` from starts to ends, `(batch,)`."""
    return tf.strings.substr(texts, starts, ends - starts, unit="UTF8_CHAR")
