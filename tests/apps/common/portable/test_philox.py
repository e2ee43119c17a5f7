"""Random numbers are TensorFlow's, bit for bit."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.common.portable.philox import uniform

INT32 = st.integers(-(2**31), 2**31 - 1)


@settings(max_examples=100, deadline=None)
@given(first=INT32, second=INT32, size=st.integers(0, 100))
@example(0, 0, 4)
@example(-1, -(2**31), 9)
@example(2**31 - 1, 1, 10_003)
def test_any_seed_gives_the_numbers_of_tensorflow(first, second, size):
    seed = tf.constant([first, second], "int32")
    expected = tf.random.stateless_uniform([size], seed, 1e-7, 1.0)
    numbers = uniform(size, (first, second))
    assert numbers.dtype == "float32"
    np.testing.assert_array_equal(numbers, expected)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_a_seed_of_any_integer_type_is_the_same_seed(dtype):
    np.testing.assert_array_equal(
        uniform(5, np.array([3, 200], dtype)), uniform(5, (3, 200))
    )


def test_the_numbers_are_within_the_range_whose_logarithms_are_finite():
    numbers = np.concatenate([uniform(100_000, (1, n)) for n in range(20)])
    assert numbers.min() >= 1e-7
    assert numbers.max() < 1
    assert np.isfinite(-np.log(-np.log(numbers))).all()
