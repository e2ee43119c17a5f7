"""Ragged tensors by few operations; TensorFlow's own functions write out a hundred.

All take ragged tensors `(batch, tokens)`.
"""

import tensorflow as tf


def row_ids(ragged):
    """Returns the row of each value, int64 `(values,)`, as `value_rowids()` does."""
    places = tf.range(tf.size(ragged.flat_values, tf.int64))
    return (
        tf.searchsorted(ragged.row_splits, places, side="right", out_type=tf.int64) - 1
    )


def kept(ragged, mask):
    """Returns the values for which a mask `(values,)` is True, each in its row."""
    before = tf.cumsum(tf.cast(tf.pad(mask, [[1, 0]]), "int64"))
    values = tf.gather(ragged.flat_values, tf.where(mask)[:, 0])
    splits = tf.gather(before, ragged.row_splits)
    return tf.RaggedTensor.from_row_splits(values, splits, validate=False)


def joined(ragged, separator=""):
    """Returns the strings of each row as one, `(batch,)`."""
    return tf.strings.unsorted_segment_join(
        ragged.flat_values, row_ids(ragged), ragged.nrows(), separator
    )
