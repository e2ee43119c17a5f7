"""Builds the models that the tests of `swap` convert, and compares model and copy.

Each builder takes the LSTM class to use.
"""

import keras
import numpy as np
from keras import layers

from lstm_layer.cell import LSTMCell
from lstm_layer.layer import LSTM

BATCH, TIMESTEPS, FEATURES, UNITS = 3, 4, 2, 5
SHAPE = (TIMESTEPS, FEATURES)
BOTH = (layers.LSTM, LSTM)


def sequential(lstm):
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            lstm(UNITS, return_sequences=True, go_backwards=True, use_bias=False),
            layers.BatchNormalization(),
            lstm(2, activation="relu", name="second"),
        ]
    )


def without_an_input(lstm):
    model = keras.Sequential([lstm(UNITS), layers.Dense(2)])
    model(np.zeros((BATCH, *SHAPE), "float32"))
    return model


def states_and_masks(lstm):
    """Builds an encoder and a decoder with named inputs and outputs, two of each."""
    source = keras.Input(SHAPE, name="source")
    kept = keras.Input((TIMESTEPS,), name="kept")
    masked = layers.Masking()(source)
    outputs, h, c = lstm(UNITS, return_sequences=True, return_state=True)(masked)
    decoded = lstm(UNITS, return_sequences=True)(
        outputs, initial_state=[h, c], mask=kept > 0
    )
    return keras.Model(
        {"source": source, "kept": kept},
        {"last": decoded[:, -1] + h, "all": layers.Dense(2)(decoded)},
    )


def called_twice(lstm):
    one, other = keras.Input(SHAPE, name="one"), keras.Input(SHAPE, name="other")
    shared = lstm(UNITS)
    return keras.Model([one, other], layers.Subtract()([shared(one), shared(other)]))


def an_optional_input(lstm):
    x, h = keras.Input(SHAPE), keras.Input((UNITS,), optional=True)
    return keras.Model([x, h], [lstm(UNITS)(x), layers.Identity()(h)])


def bidirectional(lstm, merge_mode="concat"):
    x = keras.Input(SHAPE)
    layer = layers.Bidirectional(
        lstm(UNITS, return_sequences=True), merge_mode=merge_mode, name="both"
    )
    return keras.Model(x, layer(layers.Masking()(x)))


def own_backward_layers(lstm):
    x = keras.Input(SHAPE)
    options = {"return_sequences": True, "return_state": True}
    backward = lstm(UNITS, use_bias=False, go_backwards=True, name="back", **options)
    first = layers.Bidirectional(lstm(UNITS, **options), backward_layer=backward)
    second = layers.Bidirectional(
        lstm(UNITS), backward_layer=lstm(UNITS, activation="relu", go_backwards=True)
    )
    y, *states = first(x)
    return keras.Model(x, second(y, initial_state=states))


def time_distributed(lstm):
    x = keras.Input((2, *SHAPE))
    inner = keras.Input(SHAPE)
    encoder = keras.Model(inner, layers.Bidirectional(lstm(2))(inner), name="encoder")
    layer = layers.TimeDistributed(lstm(UNITS), name="rows")
    return keras.Model(
        x, [layer(x), layers.TimeDistributed(encoder)(x), encoder(x[:, 0])]
    )


def nested(lstm):
    """Builds a model with a shared layer, a model called twice and a Sequential."""
    shared = lstm(UNITS, return_sequences=True, name="shared")
    a, b, x = keras.Input(SHAPE), keras.Input(SHAPE), keras.Input(SHAPE)
    first = keras.Model(a, lstm(2)(shared(a)), name="first")
    second = keras.Model(b, shared(b)[:, -1], name="second")
    third = keras.Sequential([layers.Dense(FEATURES), lstm(3)], name="third")
    return keras.Model(x, [first(x), first(-x), second(x), third(x)])


def other_layers(lstm):
    """Builds a model with layers that `swap` does not replace, one of them a lambda."""
    x = keras.Input(SHAPE)
    y = layers.RNN(layers.LSTMCell(UNITS), return_sequences=True)(x)
    y = layers.Lambda(lambda z: 2 * z)(layers.GRU(3, return_sequences=True)(y))
    return keras.Model(x, keras.ops.tanh(lstm(UNITS)(layers.Dropout(0.5)(y))))


def dtypes(lstm):
    x = keras.Input(SHAPE, dtype="float64")
    y = lstm(UNITS, return_sequences=True, dtype="float64", autocast=False)(x)
    return keras.Model(x, lstm(UNITS, dtype="mixed_bfloat16")(y))


MODELS = [
    sequential,
    without_an_input,
    states_and_masks,
    called_twice,
    an_optional_input,
    bidirectional,
    own_backward_layers,
    time_distributed,
    nested,
    other_layers,
    dtypes,
]


class Residual(layers.Wrapper):  # not registered
    def call(self, inputs):
        return inputs + self.layer(inputs)


def everything_of(model):
    """Returns the properties that a copy must share with the model."""
    inner = [one for one in model._flatten_layers() if not is_cell(one)]
    return {
        "classes": [type(one) for one in inner if not isinstance(one, BOTH)],
        "places": [isinstance(one, BOTH) for one in inner],
        "names": [one.name for one in inner],
        "trainable": [one.trainable for one in model._flatten_layers()],
        "autocast": [one.autocast for one in inner],
        "dtypes": [one.dtype_policy.name for one in model._flatten_layers()],
        "weights": [(w.name, w.dtype, w.trainable) for w in model.weights],
    }


def is_cell(layer):
    return isinstance(layer, (LSTMCell, layers.LSTMCell))


def outputs_of(model, inputs):
    return [np.array(y, "float64") for y in keras.tree.flatten(model(inputs))]


def assert_same(copy, model, to, inputs, atol=1e-5):
    assert not any(
        isinstance(one, BOTH) and type(one) is not to for one in copy._flatten_layers()
    )
    assert everything_of(copy) == everything_of(model)
    for one, other in zip(copy.weights, model.weights, strict=True):
        assert one is not other
        np.testing.assert_array_equal(one, np.array(other))
    outputs = [outputs_of(each, inputs) for each in (copy, model)]
    for one, other in zip(*outputs, strict=True):
        assert np.std(one) > 0.01
        np.testing.assert_allclose(one, other, atol=atol)
