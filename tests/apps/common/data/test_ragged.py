"""Ragged tensor functions equal TensorFlow's, with fewer operations."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.data.ragged import joined, kept, row_ids

ROWS = st.lists(st.lists(st.sampled_from(["a", "b", "über"]), max_size=4), max_size=5)


def _ragged(rows):
    values = tf.constant([token for row in rows for token in row], "string")
    return tf.RaggedTensor.from_row_lengths(values, list(map(len, rows)) or [0])


@settings(deadline=None, max_examples=40)
@given(ROWS)
def test_rows_are_numbered_kept_and_joined_as_tensorflow_does(rows):
    tokens = _ragged(rows)
    assert row_ids(tokens).numpy().tolist() == tokens.value_rowids().numpy().tolist()
    mask = tokens.flat_values != "b"
    expected = tf.ragged.boolean_mask(tokens, tokens.with_flat_values(mask))
    assert kept(tokens, mask).to_list() == expected.to_list()
    expected = tf.strings.reduce_join(tokens, axis=-1, separator=" ")
    assert joined(tokens, " ").numpy().tolist() == expected.numpy().tolist()


@pytest.mark.parametrize(
    "function", [row_ids, joined, lambda x: kept(x, x.flat_values == "").flat_values]
)
def test_they_are_a_few_operations(function):
    spec = tf.RaggedTensorSpec([None, None], "string")
    graph = tf.function(function).get_concrete_function(spec).graph
    assert len(graph.get_operations()) < 50
