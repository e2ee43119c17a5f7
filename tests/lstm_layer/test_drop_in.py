"""Tests that the layer takes the arguments and files of `keras.layers.LSTM`."""

import inspect

import keras
import numpy as np
import pytest

from lstm_layer import LSTM
from tests.lstm_layer.cell_options import OTHER_OPTIONS

BATCH, TIMESTEPS, FEATURES, UNITS = 3, 4, 2, 5

# A value other than the default for each named argument of `keras.layers.LSTM`,
NAMED = {
    **{name: value for name, value in OTHER_OPTIONS.items() if name != "weight_drop"},
    "activity_regularizer": "l2",
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "use_cudnn": False,
}
# and for each argument that it takes as **kwargs.
OTHERS = {
    "implementation": 1,
    "zero_output_for_mask": True,
    "name": "encoder",
    "dtype": "float64",
    "trainable": False,
    "autocast": False,
}
IN_THE_CONFIG = [argument for argument in OTHERS if argument != "autocast"]


def test_the_table_above_has_every_argument_of_keras():
    parameters = inspect.signature(keras.layers.LSTM.__init__).parameters.keys()
    assert NAMED.keys() == parameters - {"self", "kwargs"}


def describe(layer):
    """Returns the properties of a built layer, except its weights' values and name."""
    return {
        "weights": [w.name for w in layer.weights],
        "trainable": [w.name for w in layer.trainable_weights],
        "constraints": [type(w.constraint) for w in layer.weights],
        "regularizers": [type(w.regularizer) for w in layer.weights],
        "dtype": (layer.dtype_policy.name, layer.cell.dtype_policy.name),
        "initializers": [
            type(getattr(layer.cell, f"{weight}_initializer"))
            for weight in ("kernel", "recurrent", "bias")
        ],
        "dropout": (layer.cell.dropout, layer.cell.recurrent_dropout),
        "seed": layer.cell.seed,
        "shape": layer.compute_output_shape((BATCH, TIMESTEPS, FEATURES)),
        "stateful": layer.stateful,
        "unroll": layer.unroll,
        "autocast": layer.autocast,
        "input_spec": layer.input_spec.ndim,
    }


@pytest.mark.parametrize("argument", [*NAMED, *OTHERS])
def test_an_argument_of_keras_means_what_it_means_there(argument, x, holes, randomize):
    options = {"units": UNITS, argument: {**NAMED, **OTHERS}[argument]}
    ours, theirs = LSTM(**options), keras.layers.LSTM(**options)
    for layer in (ours, theirs):
        layer.build(x.shape)
    biases = [layer.get_weights()[2:] for layer in (ours, theirs)]
    np.testing.assert_array_equal(*biases)
    ours.set_weights(randomize(theirs).get_weights())
    results = [layer(x, mask=holes) for layer in (ours, theirs)]
    for one, other in zip(*map(keras.tree.flatten, results), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(sum(ours.losses), sum(theirs.losses), rtol=1e-5)
    assert describe(ours) == describe(theirs)
    assert argument != "name" or ours.name == theirs.name == "encoder"


@pytest.mark.parametrize("argument", [*NAMED, *IN_THE_CONFIG])
def test_the_config_of_a_keras_layer_makes_this_layer(argument):
    options = {"units": UNITS, argument: {**NAMED, **OTHERS}[argument]}
    theirs = keras.layers.LSTM(**options)
    ours = LSTM.from_config(theirs.get_config())
    expected = LSTM(**{**options, "name": theirs.name})
    assert ours.get_config() == expected.get_config()
    for layer in (ours, theirs):
        layer.build((BATCH, TIMESTEPS, FEATURES))
    assert describe(ours) == describe(theirs)


@pytest.mark.parametrize(
    "option",
    [{"use_cudnn": True}, {"use_cudnn": False}, {"implementation": 1}],
    ids=str,
)
def test_use_cudnn_and_implementation_change_nothing(make_layer, x, holes, option):
    plain = make_layer(return_sequences=True, name="same")
    layer = make_layer(return_sequences=True, name="same", **option)
    layer.set_weights(plain.get_weights())
    assert layer.get_config() == plain.get_config()
    np.testing.assert_array_equal(layer(x, mask=holes), np.array(plain(x, mask=holes)))


def test_the_call_has_the_arguments_of_keras_in_their_order():
    ours = inspect.signature(LSTM.call).parameters.values()
    theirs = inspect.signature(keras.layers.LSTM.call).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


def test_a_call_takes_its_arguments_by_place_and_by_name(make_twins, x, state, holes):
    state, holes = [keras.ops.array(s) for s in state], keras.ops.array(holes)
    ours, theirs = make_twins()
    expected = np.array(theirs(x, initial_state=state, mask=holes, training=True))
    by_place = ours(x, state, holes, training=True)
    by_name = ours(sequences=x, initial_state=state, mask=holes, training=True)
    np.testing.assert_allclose(by_place, expected, atol=1e-6)
    np.testing.assert_allclose(by_name, expected, atol=1e-6)


@pytest.mark.parametrize("sequence_type", [list, tuple])
def test_an_initial_state_may_be_a_list_or_a_tuple(make_twins, x, state, sequence_type):
    ours, theirs = make_twins()
    expected = np.array(theirs(x, initial_state=sequence_type(state)))
    received = ours(x, initial_state=sequence_type(state))
    np.testing.assert_allclose(received, expected, atol=1e-6)


def build_model(lstm):
    token_ids = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(11, FEATURES, mask_zero=True)(token_ids)
    outputs, h, c = lstm(UNITS, return_sequences=True, return_state=True)(embedded)
    both = keras.layers.Bidirectional(lstm(2, return_sequences=True))(outputs)
    both = lstm(UNITS, stateful=False, dropout=0.1)(both, initial_state=[h, c])
    return keras.Model(token_ids, keras.layers.Dense(2)(both))


# Keras 3.15.1 calls `__array__` in a way that NumPy 2.4 warns about.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("trained", "swapped"),
    [(keras.layers.LSTM, LSTM), (LSTM, keras.layers.LSTM)],
    ids=["Keras's to ours", "ours to Keras's"],
)
def test_a_weight_file_loads_into_the_model_with_the_class_swapped(
    trained, swapped, randomize, tmp_path
):
    token_ids = np.array([[3, 5, 2, 0, 0], [1, 10, 7, 4, 9]])
    model = randomize(build_model(trained))
    model.save_weights(tmp_path / "model.weights.h5")
    other = build_model(swapped)
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(other(token_ids), np.array(model(token_ids)), atol=1e-5)


def test_a_cloned_model_may_swap_the_class(randomize):
    model = randomize(build_model(keras.layers.LSTM))

    def swap(layer):
        if isinstance(layer, keras.layers.LSTM):
            return LSTM.from_config(layer.get_config())
        return layer.__class__.from_config(layer.get_config())

    clone = keras.models.clone_model(model, clone_function=swap)
    clone.set_weights(model.get_weights())
    assert sum(isinstance(layer, LSTM) for layer in clone.layers) == 2
    token_ids = np.array([[3, 5, 2, 0, 0]])
    np.testing.assert_allclose(clone(token_ids), np.array(model(token_ids)), atol=1e-5)
