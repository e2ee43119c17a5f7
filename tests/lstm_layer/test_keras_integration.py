"""Tests the fast loop with Keras's saving, `compile`, `fit` and a strategy."""

import keras
import pytest
import tensorflow as tf

from lstm_layer import LSTM
from tests.lstm_layer.pairs import FEATURES, UNITS, assert_close


def test_what_compiles_the_loop_is_saved_with_the_layer():
    config = LSTM(UNITS, jit_compile=True).get_config()
    assert LSTM.from_config(config).jit_compile is True
    assert LSTM.from_config(keras.layers.LSTM(UNITS).get_config()).jit_compile == "auto"
    with pytest.raises(ValueError, match=r"\"auto\", True or False. Received:.*'on'"):
        LSTM(UNITS, jit_compile="on")


def test_keras_leaves_the_compiling_to_the_kernel():
    model = keras.Sequential([keras.Input((4, FEATURES)), LSTM(UNITS)])
    model.compile("sgd", "mse")
    assert model.jit_compile is False


def test_fit_gives_what_it_gives_with_the_cell(make_pair, draw):
    x, y = draw(8, 4, FEATURES), draw(8, UNITS)
    trained = []
    for layer in make_pair(of_layer={"return_sequences": False, "return_state": False}):
        model = keras.Sequential([keras.Input((4, FEATURES)), layer])
        as_written = not layer.uses_kernel
        model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=as_written)
        model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    assert_close(*trained, 1e-4)


def test_it_trains_under_a_distribution_strategy(make_pair, draw):
    x, y = draw(8, 4, FEATURES), draw(8, UNITS)
    alone, _ = make_pair(of_layer={"return_sequences": False, "return_state": False})
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    with strategy.scope():
        shared = LSTM(UNITS)
        model = keras.Sequential([keras.Input((4, FEATURES)), shared])
        model.compile(keras.optimizers.SGD(0.1), "mse")
    shared.set_weights(alone.get_weights())
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    other = keras.Sequential([keras.Input((4, FEATURES)), alone])
    other.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    other.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert_close(shared.get_weights(), alone.get_weights(), 1e-4)
