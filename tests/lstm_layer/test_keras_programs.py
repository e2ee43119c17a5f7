"""Tests that common Keras programs give the same results with our layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, tree

from lstm_layer import LSTM, schedule, swap

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


def bidirectional(lstm, inputs):
    return [
        inputs,
        layers.Masking(),
        layers.Bidirectional(lstm(UNITS, return_sequences=True)),
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


@pytest.fixture
def make_programs(randomize, monkeypatch):
    """Makes a program with our layer, and the same with Keras's layer, run eagerly.

    A batch of static size is split into two parts.
    """

    def make(program, batch):
        monkeypatch.setattr(schedule, "_cores", lambda: 2 if batch else 1)
        inputs = keras.Input(batch_shape=(batch, TIMESTEPS, FEATURES))
        theirs = randomize(keras.Sequential(program(layers.LSTM, inputs)))
        ours = swap(theirs, verbose=False)
        ours.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=False)
        theirs.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=True)
        return ours, theirs

    return make


@pytest.mark.parametrize(
    ("program", "batch"),
    [
        (time_distributed, None),
        (autoencoder, 4),
        (unrolled_after, None),
        (bidirectional, 4),
        (convolution_after, None),
        (stateful, 4),
    ],
)
def test_a_program_trains_as_with_keras(program, batch, draw, make_programs):
    x, trained = draw(8, TIMESTEPS, FEATURES), []
    for model in make_programs(program, batch):
        shape = (8, *model.output_shape[1:])
        target = np.cos(np.arange(np.prod(shape))).reshape(shape)
        model.fit(x, target, batch_size=batch or 8, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    assert len(trained[0]) > 2
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("program", "batch"), [(autoencoder, None), (stateful, 4)])
def test_a_program_predicts_as_with_keras(program, batch, draw, make_programs):
    x = draw(8, TIMESTEPS, FEATURES)
    received, expected = (
        model.predict(x, batch_size=batch or 8, verbose=0)
        for model in make_programs(program, batch)
    )
    assert received.shape == expected.shape
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)


def _static_shapes(layer, spec, mask, training):
    layer.build(spec.shape)
    shapes = []

    @tf.function(autograph=False)
    def graph(x, mask):
        results = layer(x, mask=mask, training=training)
        shapes.extend(tuple(result.shape) for result in results)

    graph.get_concrete_function(spec, mask)
    return shapes


# Covers each pair of values of two arguments at least once.
@pytest.mark.parametrize(
    ("training", "jit_compile", "batch", "timesteps", "masked"),
    [
        (True, True, None, None, True),
        (True, True, 16, 300, False),
        (True, True, 16, 10, True),
        (True, False, None, 300, True),
        (True, False, 16, 10, False),
        (False, True, None, 10, False),
        (False, True, 16, None, True),
        (False, False, None, None, False),
        (False, False, 16, 300, True),
    ],
)
def test_static_shapes_in_a_graph_are_those_of_keras(
    monkeypatch, training, jit_compile, batch, timesteps, masked
):
    monkeypatch.setattr(schedule, "_cores", lambda: 2)
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


@pytest.mark.parametrize(
    ("how", "dtype"),
    [
        *(("eager", dtype) for dtype in ("int32", "int64", "uint8", "bool")),
        ("model", "bool"),
        ("fit", "int32"),
    ],
)
def test_integers_and_booleans_are_inputs_as_in_keras(how, dtype, draw, randomize):
    x = (draw(4, TIMESTEPS, FEATURES) > 0).astype(dtype)
    theirs = randomize(
        keras.Sequential(
            [keras.Input((TIMESTEPS, FEATURES), dtype=dtype), layers.LSTM(4)]
        )
    )
    ours = swap(theirs, verbose=False)
    if how == "fit":
        for model in (ours, theirs):
            eager = model is theirs
            model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=eager)
            model.fit(x, np.ones((4, 4)), verbose=0)
    if how == "eager":
        received, expected = (m.layers[0](tf.constant(x)) for m in (ours, theirs))
    else:
        received, expected = ours(x), theirs(x)
    assert received.dtype == "float32"
    np.testing.assert_allclose(received, np.array(expected), atol=1e-5)


@pytest.mark.parametrize(("rank", "dtype"), [(2, "int32"), (3, "bool"), (3, "float32")])
def test_masks_are_taken_as_in_keras(make_twins, draw, rank, dtype):
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
