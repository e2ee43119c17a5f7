"""Compares the answers of an export with those of the model."""

import base64

import numpy as np
import tensorflow as tf

# Outputs that are probabilities, or scores made of them, in each app's signatures.
PROBABILITIES = frozenset(
    {"attention", "copied", "posteriors", "probabilities", "score"}
)
TOLERANCE = 1e-5  # of these


def check_agreement(kind, exported, signatures, examples, tolerance):
    """Raises ValueError if the outputs of an export differ from the model's.

    Args:
        kind: What is exported, for the message.
        exported: For each signature its outputs, nested lists by name.
        signatures: For each signature a `tf.function`.
        examples: For each signature its inputs, arrays by name.
        tolerance: Largest difference of two numbers, absolute and relative. Those of
            `PROBABILITIES` differ by at most `TOLERANCE`, absolute up to 1 and relative
            beyond, where a summary's score is a log-probability.
    """
    for signature, inputs in examples.items():
        function = signatures[signature]
        outputs = function(
            *(tf.constant(inputs[spec.name]) for spec in function.input_signature)
        )
        for name, expected in outputs.items():
            actual = np.array(exported[signature][name])
            expected = expected.numpy()
            if expected.dtype == object:
                same = [
                    text.decode() for text in expected.ravel()
                ] == actual.ravel().tolist()
            else:
                same = _close(expected, actual, name, tolerance)
            if not same:
                raise ValueError(
                    f"The {kind} signature {signature} returns another {name} than "
                    f"the model: {actual.tolist()} instead of {expected.tolist()}."
                )


def _close(expected, actual, name, tolerance):
    if name not in PROBABILITIES:
        return np.allclose(expected, actual, rtol=tolerance, atol=tolerance)
    difference = np.abs(expected - actual)
    return np.all(difference <= TOLERANCE * np.maximum(1, np.abs(expected)))


def plain(value):
    """Converts arrays to lists and bytes to {"b64": ...}, like TensorFlow Serving."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return value.tolist()
