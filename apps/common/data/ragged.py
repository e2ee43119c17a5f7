"""Ragged tensor functions that add few operations to a graph.

TensorFlow's functions add about a hundred operations each. All functions here take
ragged tensors `(batch, tokens)`.
"""

import tensorflow as tf


def row_ids(ragged):
    """Returns the row index of each value, int64 `(values,)`, like `value_rowids()`."""
    values = tf.range(tf.size(ragged.flat_values, tf.int64))
    return (
        tf.searchsorted(ragged.row_splits, values, side="right", out_type=tf.int64) - 1
    )


def kept(ragged, mask):
    """Keeps the values for which a mask `(values,)` is True, each in its row."""
    kept_before = tf.cumsum(tf.cast(tf.pad(mask, [[1, 0]]), "int64"))
    values = tf.gather(ragged.flat_values, tf.where(mask)[:, 0])
    splits = tf.gather(kept_before, ragged.row_splits)
    return tf.RaggedTensor.from_row_splits(values, splits, validate=False)


def joined(ragged, separator=""):
    """Joins the strings of each row into one, `(batch,)`."""
    return tf.strings.unsorted_segment_join(
        ragged.flat_values, row_ids(ragged), ragged.nrows(), separator
    )
