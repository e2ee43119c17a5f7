"""Common Keras programs give with our layer what they give with Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, tree

from lstm_layer import LSTM, swap

TIMESTEPS, FEATURES, UNITS = 10, 3, 5


def time_distributed(lstm, inputs):
    return [
        inputs,
        lstm(UNITS, return_sequences=True),
        layers.TimeDistributed(layers.Dense(2)),
    ]


def autoencoder(lstm, inputs):
    return [
        inputs,
        lstm(UNITS),
        layers.RepeatVector(TIMESTEPS),
        lstm(UNITS, return_sequences=True),
        layers.TimeDistributed(layers.Dense(FEATURES)),
    ]


def unrolled_after(lstm, inputs):
    return [inputs, lstm(UNITS, return_sequences=True), lstm(4, unroll=True)]


def unrolled_gru_after(lstm, inputs):
    return [inputs, lstm(UNITS, return_sequences=True), layers.GRU(4, unroll=True)]


def bidirectional(lstm, inputs):
    return [
        inputs,
        layers.Masking(),
        layers.Bidirectional(lstm(UNITS, return_sequences=True)),
        layers.Bidirectional(lstm(4), merge_mode="sum"),
        layers.Dense(2),
    ]


def convolution_after(lstm, inputs):
    return [
        inputs,
        lstm(UNITS, return_sequences=True, go_backwards=True),
        layers.Conv1D(4, 3),
        layers.Flatten(),
        layers.Dense(2),
    ]


def stateful(lstm, inputs):
    return [
        inputs,
        lstm(UNITS, return_sequences=True, stateful=True),
        lstm(4, stateful=True),
    ]


PROGRAMS = (
    time_distributed,
    autoencoder,
    unrolled_after,
    unrolled_gru_after,
    bidirectional,
    convolution_after,
)


@pytest.mark.parametrize(
    ("program", "batch"),
    [
        *((program, None) for program in PROGRAMS),
        *((program, 4) for program in (time_distributed, autoencoder, stateful)),
    ],
)
def test_a_program_predicts_and_trains_as_with_keras(program, batch, draw, randomize):
    inputs = keras.Input(batch_shape=(batch, TIMESTEPS, FEATURES))
    theirs = randomize(keras.Sequential(program(layers.LSTM, inputs)))
    ours = swap(theirs, verbose=False)
    x = draw(16, TIMESTEPS, FEATURES)
    size = batch or 16
    results = []
    for model in (ours, theirs):
        model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=False)
        predicted = model.predict(x, batch_size=size, verbose=0)
        for layer in model.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()
        target = np.cos(np.arange(predicted.size)).reshape(predicted.shape)
        model.fit(x, target, batch_size=size, shuffle=False, verbose=0)
        results.append([predicted, *model.get_weights()])
    assert len(results[0]) > 3
    for one, other in zip(*results, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def _static_shapes(layer, spec, mask, training):
    layer.build(spec.shape)
    shapes = []

    @tf.function(autograph=False)
    def graph(x, mask):
        results = layer(x, mask=mask, training=training)
        shapes.extend(tuple(result.shape) for result in results)

    graph.get_concrete_function(spec, mask)
    return shapes


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("batch", [None, 16], ids=["batch unknown", "batch known"])
@pytest.mark.parametrize("timesteps", [None, 10, 300])
@pytest.mark.parametrize("masked", [False, True], ids=["no mask", "mask"])
def test_static_shapes_in_a_graph_are_those_of_keras(
    training, jit_compile, batch, timesteps, masked
):
    spec = tf.TensorSpec((batch, timesteps, FEATURES))
    mask = tf.TensorSpec((batch, timesteps), "bool") if masked else None
    shapes = [
        _static_shapes(layer, spec, mask, training)
        for layer in (
            LSTM(
                UNITS, return_sequences=True, return_state=True, jit_compile=jit_compile
            ),
            layers.LSTM(UNITS, return_sequences=True, return_state=True),
        )
    ]
    assert shapes[0] == shapes[1]
    assert shapes[0][0] == (batch, timesteps, UNITS)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("how", ["eager", "model", "fit"])
def test_integers_and_booleans_are_inputs_as_in_keras(dtype, how, draw, randomize):
    x = (draw(4, TIMESTEPS, FEATURES) > 0).astype(dtype)
    theirs = randomize(
        keras.Sequential(
            [keras.Input((TIMESTEPS, FEATURES), dtype=dtype), layers.LSTM(4)]
        )
    )
    ours = swap(theirs, verbose=False)
    if how == "fit":
        for model in (ours, theirs):
            model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
            model.fit(x, np.ones((4, 4)), verbose=0)
    if how == "eager":
        received, expected = (m.layers[0](tf.constant(x)) for m in (ours, theirs))
    else:
        received, expected = ours(x), theirs(x)
    assert received.dtype == "float32"
    np.testing.assert_allclose(received, np.array(expected), atol=1e-5)


@pytest.mark.parametrize("dtype", ["bool", "float32", "int32"])
@pytest.mark.parametrize("rank", [2, 3])
def test_masks_are_taken_as_in_keras(make_twins, draw, dtype, rank):
    ours, theirs = make_twins(return_sequences=True)
    x = draw(3, 4, 2)
    mask = np.array([[1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0]], dtype)
    mask = tf.constant(mask if rank == 2 else mask[..., np.newaxis])
    expected = theirs(x, mask=tf.cast(mask, "bool"))
    np.testing.assert_allclose(ours(x, mask=mask), np.array(expected), atol=1e-6)


def test_all_that_can_be_read_of_keras_can_be_read_here():
    for ours, theirs in (
        (LSTM(3), layers.LSTM(3)),
        (LSTM(3).cell, layers.LSTM(3).cell),
    ):
        names = {n for n in dir(theirs) if not n.startswith("_") and hasattr(theirs, n)}
        assert len(names) > 50
        assert {name for name in names if not hasattr(ours, name)} == set()


def test_options_that_are_read_of_the_layer_are_those_of_its_cell():
    options = {
        "activation": "relu",
        "recurrent_activation": "hard_sigmoid",
        "use_bias": False,
        "unit_forget_bias": False,
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
        "kernel_initializer": "he_normal",
        "recurrent_regularizer": "l2",
        "bias_constraint": "non_neg",
    }
    ours, theirs = LSTM(3, **options), layers.LSTM(3, **options)
    for name in options:
        one, other = getattr(ours, name), getattr(theirs, name)
        assert one == other or type(one) is type(other), name
    for layer in (ours, theirs):
        with pytest.raises(AttributeError):
            layer.dropout = 0.5


def test_what_is_set_on_the_layer_has_its_effect(make_twins, draw):
    ours, theirs = make_twins()
    x, mask = draw(3, 4, 2), np.array([[1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0]], bool)

    def assert_alike():
        received, expected = (
            tree.flatten(layer(x, mask=mask)) for layer in (ours, theirs)
        )
        assert len(received) == len(expected)
        for one, other in zip(received, expected, strict=True):
            np.testing.assert_allclose(one, np.array(other), atol=1e-6)

    for option in (
        *("return_sequences", "go_backwards", "zero_output_for_mask"),
        *("return_state", "unroll"),
    ):
        for layer in (ours, theirs):
            setattr(layer, option, True)
        assert_alike()
    assert not ours.uses_kernel
    for layer in (ours, theirs):
        layer.trainable = False
    assert len(ours.trainable_weights) == len(theirs.trainable_weights) == 0
