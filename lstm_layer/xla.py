"""Decides whether XLA compiles: not where the environment has `CAROUSEL_XLA=0`."""

import os

import tensorflow as tf


def uses_xla():
    """Returns False if the environment variable `CAROUSEL_XLA` is 0, else True."""
    return os.environ.get("CAROUSEL_XLA") != "0"


def compiled(function):
    """Returns a `tf.function`; XLA compiles it if `uses_xla()` is True at this call."""
    return tf.function(function, autograph=False, jit_compile=uses_xla() or None)
