"""Tests that configs, `.keras` files and weight files restore a layer."""

import json

import keras
import numpy as np
import pytest

from lstm_layer import LSTM, LSTMCell
from tests.lstm_layer.cell_options import OTHER_OPTIONS

FEATURES, UNITS = 2, 5

# Keras 3.15.1 calls `__array__` in a way that NumPy 2.4 warns about.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)


@keras.saving.register_keras_serializable(package="tests")
class LeakyCell(LSTMCell):
    """Adds part of the previous output to the output; has an additional argument."""

    def __init__(self, units, leak=0.5, **options):
        super().__init__(units, **options)
        self.leak = leak

    def call(self, inputs, states, training=False):
        h, (_, c) = super().call(inputs, states, training=training)
        h = h + self.leak * states[0]
        return h, [h, c]

    def get_config(self):
        return {**super().get_config(), "leak": self.leak}


@keras.saving.register_keras_serializable(package="tests")
class Coupled(LSTMCell):
    """Couples the gates as in the README: i = 1 - f."""

    def step(self, z, c_prev):
        new = super().step(z, c_prev)
        i = 1 - new.f
        c = new.f * c_prev + i * new.c_tilde
        return new._replace(i=i, c=c, h=new.o * keras.ops.tanh(c))


@keras.saving.register_keras_serializable(package="tests")
class ReversedLSTM(LSTM):
    """Reads sequences from their end by default; a subclass of the layer."""

    def __init__(self, *args, **options):
        super().__init__(*args, **{"go_backwards": True, **options})


def stock():
    return LSTM(
        UNITS, activation="relu", unit_forget_bias=False, zero_output_for_mask=True
    )


def own_activation():
    return LSTM(UNITS, recurrent_activation=keras.activations.hard_sigmoid)


def bidirectional():
    return keras.layers.Bidirectional(LSTM(UNITS, dropout=0.1))


def rnn_of_a_cell():
    return keras.layers.RNN(LSTMCell(UNITS, use_bias=False))


def rnn_of_a_stack():
    return keras.layers.RNN([LSTMCell(UNITS), LSTMCell(UNITS + 2)])


def own_cell():
    return LSTM(cell=LeakyCell(UNITS, leak=0.25))


def own_step():
    return LSTM(cell=Coupled(UNITS))


def bidirectional_of_own_cell():
    return keras.layers.Bidirectional(LSTM(cell=LeakyCell(UNITS, leak=0.25)))


def own_layer():
    return ReversedLSTM(UNITS)


def mixed_precision():
    return LSTM(UNITS, dtype="mixed_bfloat16")


@pytest.fixture(
    params=[
        stock,
        own_activation,
        bidirectional,
        rnn_of_a_cell,
        rnn_of_a_stack,
        own_cell,
        own_step,
        bidirectional_of_own_cell,
        own_layer,
        mixed_precision,
    ]
)
def model(request, randomize):
    return randomize(keras.Sequential([keras.Input((None, FEATURES)), request.param()]))


def as_json(model):
    return json.dumps(model.layers[0].get_config())


def assert_same_outputs(one, other, x):
    one, other = (keras.ops.convert_to_numpy(model(x)) for model in (one, other))
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one.astype("float32"), other.astype("float32"))


def test_a_model_file_brings_the_model_back(model, x, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.layers[0]) is type(model.layers[0])
    assert as_json(again) == as_json(model)
    assert_same_outputs(again, model, x)


def test_a_weight_file_fills_a_model_made_from_the_config(model, x, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    again = keras.Sequential.from_config(json.loads(json.dumps(model.get_config())))
    again.load_weights(tmp_path / "model.weights.h5")
    assert_same_outputs(again, model, x)


def test_training_goes_on_after_loading_as_without_saving(x, draw, tmp_path):
    """Without dropout: Keras does not save the state of random generators."""
    y = draw(len(x), UNITS)
    model = keras.Sequential([keras.Input(x.shape[1:]), LSTM(UNITS)])
    model.compile(optimizer="adam", loss="mse", run_eagerly=True)
    model.train_on_batch(x, y)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for trained in (model, again):
        trained.train_on_batch(x, y)
    for one, other in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


NOT_THE_DEFAULTS = {
    **OTHER_OPTIONS,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "zero_output_for_mask": True,
    "jit_compile": True,
    "activity_regularizer": "l2",
    "name": "encoder",
    "dtype": "float64",
    "trainable": False,
}


def test_the_config_is_flat_and_brings_every_argument_back():
    config = LSTM(**NOT_THE_DEFAULTS).get_config()
    assert config.keys() == NOT_THE_DEFAULTS.keys()
    default = LSTM(3, name="other").get_config()
    assert all(config[name] != default.get(name) for name in config)
    again = LSTM.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    assert again.cell.get_config()["dtype"] == config["dtype"]
    assert not again.cell.trainable


def test_from_config_leaves_the_config_as_it_was():
    config = LSTM(cell=LeakyCell(UNITS)).get_config()
    copy = json.loads(json.dumps(config))
    LSTM.from_config(config)
    assert config == copy


def test_the_config_of_a_layer_with_a_cell_of_its_own_holds_the_cell():
    layer = LSTM(cell=LeakyCell(UNITS, leak=0.25, use_bias=False), name="leaky")
    config = json.loads(json.dumps(layer.get_config()))
    assert "units" not in config
    again = LSTM.from_config(config)
    assert type(again.cell) is LeakyCell
    assert again.cell.get_config() == layer.cell.get_config()
    assert again.name == "leaky"


@pytest.mark.parametrize("options", [{"dtype": "float64"}, {"trainable": False}])
def test_the_config_of_a_layer_holds_the_cell_where_the_two_differ(options):
    layer = LSTM(cell=LSTMCell(UNITS, **options))
    again = LSTM.from_config(json.loads(json.dumps(layer.get_config())))
    for one, other in ((again, layer), (again.cell, layer.cell)):
        assert one.dtype_policy == other.dtype_policy
        assert one.trainable == other.trainable
    assert (again.cell.dtype, again.cell.trainable) != (again.dtype, again.trainable)
