"""Tests chrono initialisation: its formula, and a layer that uses it."""

import keras
import numpy as np
import pytest

from lstm_layer import LSTM
from lstm_layer.initializers import ChronoBias


def test_biases_are_logarithms_of_times_up_to_the_longest():
    b_i, b_f, b_c, b_o = np.split(ChronoBias(101, seed=1)((4000,)).numpy(), 4)
    times = np.exp(b_f)
    assert 1 <= times.min() < 3
    assert 98 < times.max() <= 100
    assert abs(times.mean() - 50.5) < 3
    np.testing.assert_array_equal(b_i, -b_f)
    assert not b_c.any()
    assert not b_o.any()


def test_a_layer_begins_with_it_and_is_saved_with_it():
    layer = LSTM(3, unit_forget_bias=False, bias_initializer=ChronoBias(50, seed=2))
    layer.build((None, None, 2))
    np.testing.assert_allclose(layer.cell.bias, ChronoBias(50, seed=2)((12,)))
    again = LSTM.from_config(layer.get_config())
    again.build((None, None, 2))
    np.testing.assert_allclose(again.cell.bias, layer.cell.bias)


def test_without_a_seed_two_of_them_differ():
    keras.utils.set_random_seed(1)
    one, other = ChronoBias(50)((8,)), ChronoBias(50)((8,))
    assert np.abs(one - other).max() > 0


@pytest.mark.parametrize("longest", [2, 0, -1])
def test_a_time_too_short_is_refused(longest):
    with pytest.raises(ValueError, match="3 or more"):
        ChronoBias(longest)
