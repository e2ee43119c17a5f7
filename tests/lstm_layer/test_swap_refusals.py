"""Tests that `swap` raises an error with the name of what it cannot replace."""

import keras
import pytest
from keras import layers

from lstm_layer.cell import LSTMCell
from lstm_layer.layer import LSTM
from lstm_layer.swap import swap
from tests.lstm_layer.swap_models import FEATURES, SHAPE, UNITS, Residual


def shared_through_a_wrapper():
    x, shared = keras.Input(SHAPE), layers.LSTM(FEATURES, return_sequences=True)
    return keras.Model(x, Residual(shared)(shared(x)), name="whole")


class OwnLSTM(layers.LSTM):
    pass


@keras.saving.register_keras_serializable(package="test_swap_refusals")
class OwnCell(LSTMCell):
    pass


class Hidden(keras.Model):
    def __init__(self, name="hidden"):
        super().__init__(name=name)
        self.encoder = layers.LSTM(UNITS, name="encoder")

    def call(self, inputs):
        return self.encoder(inputs)


class HiddenInALayer(layers.Layer):
    def build(self, input_shape):
        self.encoders = [layers.LSTM(UNITS, name="encoder")]
        self.encoders[0].build(input_shape)

    def call(self, inputs):
        return self.encoders[0](inputs)


class WithoutAConfig(layers.Layer):
    def __init__(self, function):
        super().__init__(name="without")
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


def halve(z):
    return z / 2


def built_model(*inner):
    return keras.Sequential([keras.Input(SHAPE), *inner], name="whole")


REFUSED = {
    "a subclass of Keras's layer": (
        lambda: built_model(OwnLSTM(UNITS, name="own")),
        LSTM,
        r"'own' is a OwnLSTM, a subclass",
    ),
    "a model that makes its layers": (
        lambda: built_model(Hidden()),
        LSTM,
        r"'hidden' \(Hidden\) cannot be rebuilt .* use lstm_layer\.LSTM",
    ),
    "a model that makes its layers, alone": (
        Hidden,
        LSTM,
        r"'hidden' \(Hidden\) cannot be rebuilt .* use lstm_layer\.LSTM",
    ),
    "a layer that makes its layers": (
        lambda: built_model(HiddenInALayer(name="deep")),
        LSTM,
        r"'deep/encoder' .* lstm_layer\.LSTM",
    ),
    "a layer without a configuration": (
        lambda: built_model(layers.LSTM(UNITS), WithoutAConfig(keras.ops.tanh)),
        LSTM,
        r"'without' \(WithoutAConfig\) cannot be rebuilt",
    ),
    "a layer that a custom wrapper shares": (
        shared_through_a_wrapper,
        LSTM,
        r"'whole' has .* a custom layer that shares a layer",
    ),
    "a function that is not registered": (
        lambda: built_model(layers.LSTM(UNITS, activation=halve, name="half")),
        LSTM,
        r"'half' \(LSTM\) cannot be rebuilt",
    ),
    "a cell of one's own": (
        lambda: built_model(layers.Bidirectional(LSTM(cell=OwnCell(2)), name="both")),
        layers.LSTM,
        r"'both/forward_\w+' has cell=OwnCell, which keras\.layers\.LSTM lacks",
    ),
    "a cell of Keras's": (
        lambda: built_model(LSTM(cell=layers.GRUCell(2), name="gru")),
        layers.LSTM,
        r"'gru' has cell=GRUCell",
    ),
    "weight drop": (
        lambda: built_model(LSTM(2, weight_drop=0.5, name="drop")),
        layers.LSTM,
        r"'drop' has weight_drop=0\.5",
    ),
    "another class": (
        lambda: built_model(layers.LSTM(2)),
        layers.GRU,
        "`to` must be .* Received: to='GRU'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_swapped_is_refused_by_name_in_one_line(case, capsys):
    build, to, message = REFUSED[case]
    model = build()
    with pytest.raises(ValueError, match=message) as error:
        swap(model, to=to)
    assert "\n" not in str(error.value)
    assert not capsys.readouterr().out
