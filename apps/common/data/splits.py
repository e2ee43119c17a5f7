"""Splits that depend on a text alone, so that they stay as data comes and goes."""

import hashlib


def sha1_modulo(text, modulo):
    """Returns SHA-1 of a text in UTF-8, as a number, modulo `modulo`."""
    return int(hashlib.sha1(text.encode("utf-8", "replace")).hexdigest(), 16) % modulo


def text_hash(text, modulo):
    """Returns SHA-1 of a text, lower-cased, white space normalised, modulo `modulo`."""
    return sha1_modulo(normalised(text), modulo)


def normalised(text):
    """Returns a text in lower case, a space for each stretch of white space."""
    return " ".join(text.lower().split())


def split_by_hash(text, parts=10):
    """Returns the split of a text: of so many parts one is test, one validation."""
    return {0: "test", 1: "validation"}.get(sha1_modulo(text, parts), "train")
