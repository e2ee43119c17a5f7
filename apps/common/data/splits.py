"""Splits data by a hash of each text, so that new data moves no other example."""

import hashlib

import numpy as np


def sha1_modulo(text, modulo):
    """Returns the SHA-1 of a text in UTF-8, as an integer, modulo `modulo`."""
    return int(hashlib.sha1(text.encode("utf-8", "replace")).hexdigest(), 16) % modulo


def text_hash(text, modulo):
    """Returns the SHA-1 of a normalised text, as an integer, modulo `modulo`."""
    return sha1_modulo(normalised(text), modulo)


def normalised(text):
    """Returns a text in lower case, with one space for each run of white space."""
    return " ".join(text.lower().split())


def split_by_hash(text, parts=10):
    """Returns the split of a text: 1/`parts` is test, 1/`parts` is validation."""
    return {0: "test", 1: "validation"}.get(sha1_modulo(text, parts), "train")


def random_rows(count, most):
    """Returns at most `most` of the row numbers below `count`, in order.

    They are drawn at random, always the same: rows whose labels take turns would lose
    labels if every nth row was taken.
    """
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))
