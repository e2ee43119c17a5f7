"""Stores word vectors as int8, and arrays as text that JSON can hold."""

import base64

import numpy as np

LARGEST = 127  # of the integers


def quantize(vectors):
    """Returns int8 rows and a float32 scale for each row.

    A row is about `integers * scale`, to half a scale: its largest value has 127.

    Args:
        vectors: `(rows, columns)`.

    Returns:
        Integers `(rows, columns)`, int8, and scales `(rows,)`, float32.
    """
    scales = np.abs(vectors).max(axis=1).astype("float32") / LARGEST
    divisors = np.where(scales, scales, 1)[:, np.newaxis]
    return np.round(vectors / divisors).astype("int8"), scales


def table(vectors):
    """Returns word vectors as the page reads them: sizes, and base64 of int8."""
    integers, scales = quantize(vectors)
    rows, columns = integers.shape
    return {
        "rows": rows,
        "columns": columns,
        "integers": base64.b64encode(integers.tobytes()).decode(),
        "scales": floats(scales),
    }


def floats(values):
    """Returns an array as the page reads it: base64 of float32, little-endian."""
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def vectors_of(embedding):
    """Returns the vectors of all token ids, `(vocabulary_size, embedding_dim)`."""
    weights = [weight.numpy() for weight in embedding.weights]
    return np.concatenate([each for each in weights if each.ndim == 2])
