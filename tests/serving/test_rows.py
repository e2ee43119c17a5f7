"""The answers of several calls are joined as one call would have answered."""

import numpy as np
import pytest

from serving.client.rows import join_rows
from serving.specs import Spec


def test_answers_of_two_models_are_not_joined():
    """A version with three classes was loaded after the first call."""
    specs = {"p": Spec("float32", (None, 2))}
    parts = [{"p": np.ones((64, 2), "float32")}, {"p": np.ones((6, 3), "float32")}]
    with pytest.raises(ValueError, match=r"loaded between two calls: give version="):
        join_rows(parts, [64, 6], specs)
    parts[1] = {"q": parts[0]["p"]}
    with pytest.raises(ValueError, match=r"expected the outputs p\. Another version"):
        join_rows(parts, [64, 64], specs)


def test_only_a_dimension_of_any_size_is_padded():
    specs = {"w": Spec("float32", (None, None))}
    parts = [{"w": np.ones((2, 1), "float32")}, {"w": np.ones((1, 3), "float32")}]
    joined = join_rows(parts, [2, 1], specs)
    assert joined["w"].tolist() == [[1, 0, 0], [1, 0, 0], [1, 1, 1]]
