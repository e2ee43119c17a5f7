"""Signatures of small models for tests."""

import tensorflow as tf


def function(**inputs):
    """Makes a `tf.function` of inputs given as `(dtype, shape)` by name."""
    items = inputs.items()
    specs = [tf.TensorSpec(shape, dtype, name) for name, (dtype, shape) in items]
    return tf.function(input_signature=specs)
