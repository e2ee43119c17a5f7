"""Signatures of small test models."""

import tensorflow as tf


def function(**inputs):
    """Returns a `tf.function` decorator; each input is `name=(dtype, shape)`."""
    items = inputs.items()
    specs = [tf.TensorSpec(shape, dtype, name) for name, (dtype, shape) in items]
    return tf.function(input_signature=specs)


class Numbers(tf.Module):
    """Signatures with one or two inputs and outputs, all numbers."""

    @function(matrix=("float32", (None, 2)))
    def total(self, matrix):
        return {"total": tf.reduce_sum(matrix, axis=1)}

    @function(count=("int32", (None,)), price=("float32", (None,)))
    def buy(self, count, price):
        cost = tf.cast(count, "float32") * price
        return {"cost": cost, "dear": cost > 100}

    @function(flag=("bool", (None,)))
    def turn(self, flag):
        return {"turned": tf.logical_not(flag)}

    @function(x=("float32", (None,)))
    def finite(self, x):
        return {"finite": tf.debugging.check_numerics(x, "x must be finite")}

    @function(x=("float32", (None,)))
    def inverse(self, x):
        return {"inverse": 1 / x}


def signature_names(numbers_class):
    """Returns the names of the signatures of a subclass of `Numbers`."""
    return [
        name
        for one in (numbers_class, Numbers)
        for name in vars(one)
        if not name.startswith("_")
    ]
