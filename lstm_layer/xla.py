"""Whether XLA compiles what profits from it: `CAROUSEL_XLA=0` says no."""

import os

import tensorflow as tf


def uses_xla():
    """Returns False if the environment variable `CAROUSEL_XLA` is 0."""
    return os.environ.get("CAROUSEL_XLA") != "0"


def compiled(function):
    """Makes a `tf.function` that XLA compiles, if `uses_xla()` when it is made."""
    return tf.function(function, autograph=False, jit_compile=uses_xla() or None)
