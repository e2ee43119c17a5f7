"""The token that is drawn without TensorFlow is the one that is drawn with it."""

import numpy as np
import pytest
import tensorflow as tf

from apps.common.portable.sampling import check_columns, choose
from apps.language_modeling import sampling

OUT_OF_BOUNDS = [
    *(("temperature", -0.1), ("temperature", np.inf), ("top_k", -1), ("top_p", 1.01)),
    *(("repetition_penalty", value) for value in (0, -1, np.nan, np.inf)),
]


@pytest.fixture(scope="module")
def by_graph():
    return tf.function(sampling.choose, autograph=False)


def draws(rng, batch, size):
    """Returns random arguments of `choose`; some logits are multiples of a half."""
    logits = rng.normal(0, rng.choice([0.5, 2, 5]), (batch, size))
    if rng.random() < 0.3:
        logits = np.round(2 * logits) / 2
    return {
        "logits": logits.astype("float32"),
        "seen": rng.poisson(0.1, (batch, size)).astype("float32"),
        "temperature": rng.choice([0, 0.3, 0.8, 1, 2], batch).astype("float32"),
        "top_k": rng.choice([0, 1, 5, 40, size + 3], batch).astype("int32"),
        "top_p": rng.choice([0, 0.5, 0.9, 0.95, 1], batch).astype("float32"),
        "repetition_penalty": rng.choice([0.5, 1, 1.1, 2], batch).astype("float32"),
        "seed": rng.integers(-(2**31), 2**31, (batch, 2)).astype("int32"),
    }


@pytest.mark.parametrize("size", [3, 7, 100, 1009, 10_000])
def test_the_same_token_is_drawn(by_graph, size):
    rng = np.random.default_rng(size)
    for _ in range(20):
        arguments = draws(rng, 16, size)
        kept = {name: x.copy() for name, x in arguments.items()}
        tokens = choose(**arguments)
        assert tokens.dtype == "int32"
        expected = by_graph(**{n: tf.constant(x) for n, x in arguments.items()})
        np.testing.assert_array_equal(tokens, expected)
        for name, x in arguments.items():
            np.testing.assert_array_equal(x, kept[name])


def test_of_equal_logits_the_first_token_is_the_most_probable(by_graph):
    arguments = draws(np.random.default_rng(1), 2, 6)
    arguments["logits"][:] = [9, 9, 1, 2, 2, 0]
    arguments["seen"][:], arguments["temperature"][:] = 0, 0
    assert choose(**arguments).tolist() == [3, 3]
    assert by_graph(**arguments).numpy().tolist() == [3, 3]


def test_rows_of_a_batch_do_not_see_one_another():
    arguments = draws(np.random.default_rng(2), 9, 50)
    together = choose(**arguments)
    for row in range(9):
        alone = choose(**{name: x[row : row + 1] for name, x in arguments.items()})
        assert alone.tolist() == [together[row]]


@pytest.mark.parametrize(("name", "value"), OUT_OF_BOUNDS)
def test_a_setting_of_one_row_that_is_out_of_bounds_is_named(name, value):
    settings = draws(np.random.default_rng(4), 3, 5)
    del settings["logits"], settings["seen"]
    check_columns(**settings)
    settings[name] = np.array([*settings[name][:2], value])
    with pytest.raises(ValueError, match=f"^{name}: expected a number, "):
        check_columns(**settings)
