"""An export's numbers may differ by rounding, its probabilities by less."""

import numpy as np
import pytest
import tensorflow as tf

from apps.common.export.agreement import PROBABILITIES, check_agreement

EXAMPLES = {"answer": {"x": np.zeros(2, "float32")}}


def check(name, expected, actual, tolerance):
    @tf.function(input_signature=[tf.TensorSpec([2], name="x")])
    def answer(x):
        return {name: x + expected}

    exported = {"answer": {name: actual}}
    check_agreement("ONNX", exported, {"answer": answer}, EXAMPLES, tolerance)


@pytest.mark.parametrize("name", sorted(PROBABILITIES))
def test_a_probability_differs_by_at_most_1e_5(name):
    check(name, [0.25, 0.75], [0.25, 0.750008], 1e-4)
    with pytest.raises(
        ValueError, match=f"The ONNX signature answer returns another {name} "
    ):
        check(name, [0.25, 0.75], [0.25, 0.750015], 1e-4)


def test_a_log_probability_differs_by_at_most_1e_5_of_it():
    check("score", [-20.0, -0.5], [-20.00015, -0.500008], 1e-4)
    with pytest.raises(ValueError, match="returns another score"):
        check("score", [-20.0, -0.5], [-20.0003, -0.5], 1e-4)


def test_another_number_differs_by_at_most_the_tolerance():
    check("logits", [0.25, 30.0], [0.25009, 30.003], 1e-4)
    with pytest.raises(ValueError, match="returns another logits"):
        check("logits", [0.25, 30.0], [0.25, 30.004], 1e-4)
    with pytest.raises(ValueError, match="returns another logits"):
        check("logits", [0.25, 30.0], [0.25, 30.003], 1e-5)


def test_no_number_is_another_answer():
    with pytest.raises(ValueError, match="returns another score"):
        check("score", [0.25, 0.75], [0.25, np.nan], 1e-4)


def test_a_text_is_compared_letter_by_letter():
    @tf.function(input_signature=[tf.TensorSpec([2], name="x")])
    def answer(x):
        return {"label": tf.fill(tf.shape(x), "n\u00e9")}

    exported = {"answer": {"label": ["n\u00e9", "n\u00e9"]}}
    check_agreement("ONNX", exported, {"answer": answer}, EXAMPLES, 1e-4)
    exported["answer"]["label"][1] = "ne"
    with pytest.raises(ValueError, match="returns another label"):
        check_agreement("ONNX", exported, {"answer": answer}, EXAMPLES, 1e-4)
