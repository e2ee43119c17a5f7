"""Tests that `swap` replaces the class of every LSTM in a model and nothing else."""

import keras
import numpy as np
import pytest
from keras import layers

from lstm_layer.layer import LSTM
from lstm_layer.swap import swap
from tests.lstm_layer.swap_models import (
    BATCH,
    BOTH,
    FEATURES,
    MODELS,
    SHAPE,
    UNITS,
    Residual,
    assert_same,
    bidirectional,
    dtypes,
    nested,
    outputs_of,
    own_backward_layers,
    sequential,
    time_distributed,
)


@pytest.fixture
def randomized(draw):
    """Sets random weights in a model; variances are positive."""

    def set_random_weights(model):
        for weight in model.weights:
            value = 0.7 * draw(*weight.shape)
            weight.assign(abs(value) if "variance" in weight.name else value)
        return model

    return set_random_weights


@pytest.fixture
def inputs_of(draw):
    """Draws random inputs in the structure that a functional model takes."""

    def draw_inputs(model):
        given = model.input if hasattr(model, "input") else model.inputs[0]
        return keras.tree.map_structure(
            lambda tensor: draw(BATCH, *tensor.shape[1:], dtype=tensor.dtype), given
        )

    return draw_inputs


@pytest.mark.parametrize("build", MODELS)
def test_a_model_computes_the_same_with_our_layer_and_back(
    build, randomized, inputs_of
):
    model = randomized(build(layers.LSTM))
    inputs, weights = inputs_of(model), model.get_weights()
    before = outputs_of(model, inputs)
    atol = 0.02 if build is dtypes else 1e-5
    ours = swap(model)
    assert_same(ours, model, LSTM, inputs, atol)
    theirs = swap(ours, to=layers.LSTM)
    assert_same(theirs, model, layers.LSTM, inputs, atol)
    randomized(ours)
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(outputs_of(model, inputs), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("merge_mode", ["mul", None])
def test_a_bidirectional_layer_keeps_its_merge_mode(merge_mode, randomized, inputs_of):
    model = randomized(bidirectional(layers.LSTM, merge_mode))
    ours = swap(model)
    assert_same(ours, model, LSTM, inputs_of(model))
    assert ours.get_layer("both").merge_mode == merge_mode


def test_layers_and_models_that_were_shared_stay_shared(randomized):
    ours = swap(randomized(nested(layers.LSTM)))
    first, second = ours.get_layer("first"), ours.get_layer("second")
    assert first.get_layer("shared") is second.get_layer("shared")
    assert len(first._inbound_nodes) == 2
    rows = swap(randomized(time_distributed(layers.LSTM)))
    encoder = rows.get_layer("encoder")
    assert encoder in [getattr(layer, "layer", None) for layer in rows.layers]


def test_a_stateful_layer_goes_on_where_it_was(randomized, draw):
    x = keras.Input(batch_shape=(BATCH, *SHAPE))
    model = randomized(keras.Model(x, layers.LSTM(UNITS, stateful=True)(x)))
    model(draw(BATCH, *SHAPE))
    ours = swap(model)
    theirs = swap(ours, to=layers.LSTM)
    for _ in range(2):
        inputs = draw(BATCH, *SHAPE)
        expected = outputs_of(model, inputs)
        np.testing.assert_allclose(outputs_of(ours, inputs), expected, atol=1e-5)
        np.testing.assert_allclose(outputs_of(theirs, inputs), expected, atol=1e-5)


def test_what_is_frozen_stays_frozen(randomized, inputs_of):
    model = randomized(own_backward_layers(layers.LSTM))
    for layer in model.layers:
        if isinstance(layer, layers.Bidirectional):
            layer.forward_layer.trainable = False
    model.layers[-1].backward_layer.cell.trainable = False
    ours = swap(model)
    assert 0 < len(ours.trainable_weights) < len(ours.weights)
    assert_same(ours, model, LSTM, inputs_of(model))
    model.trainable = False
    assert_same(swap(model), model, LSTM, inputs_of(model))


def test_a_model_keeps_its_dtype_policy_under_another_global_one(randomized, inputs_of):
    with_policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("float64")
        model = randomized(sequential(layers.LSTM))
    finally:
        keras.config.set_dtype_policy(with_policy)
    ours = swap(model)
    assert_same(ours, model, LSTM, inputs_of(model), atol=1e-12)
    assert ours(inputs_of(model)).dtype == "float64"


@pytest.mark.parametrize(("lstm", "to"), [BOTH, BOTH[::-1]], ids=["there", "back"])
def test_a_model_that_is_not_built_swaps_too(lstm, to, draw):
    model = keras.Sequential([lstm(UNITS), layers.Bidirectional(lstm(2))])
    copy = swap(model, to=to)
    assert [type(layer) for layer in copy.layers] == [to, layers.Bidirectional]
    assert type(copy.layers[1].backward_layer) is to
    assert not copy.built
    assert not model.built


def test_a_model_from_a_file_swaps(randomized, inputs_of, tmp_path):
    randomized(own_backward_layers(LSTM)).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    assert_same(swap(model, to=layers.LSTM), model, layers.LSTM, inputs_of(model))


def test_a_layer_alone_swaps_too(randomized, draw):
    layer = layers.Bidirectional(layers.LSTM(UNITS))
    layer.build((None, *SHAPE))
    ours = swap(randomized(layer))
    x = draw(BATCH, *SHAPE)
    assert type(ours.forward_layer) is LSTM
    np.testing.assert_allclose(ours(x), np.array(layer(x)), atol=1e-5)


def test_a_layer_that_describes_its_lstm_in_its_configuration_is_rebuilt(
    randomized, inputs_of
):
    x = keras.Input(SHAPE)
    lstm = layers.LSTM(FEATURES, return_sequences=True)
    model = randomized(keras.Model(x, Residual(lstm, name="residual")(x)))
    ours = swap(model)
    assert_same(ours, model, LSTM, inputs_of(model))


def test_a_model_with_a_training_step_of_its_own_keeps_it(randomized, inputs_of):
    class Trained(keras.Model):
        def train_step(self, data):
            return {"loss": 7.0}

    x = keras.Input(SHAPE)
    model = randomized(Trained(x, layers.Bidirectional(layers.LSTM(UNITS))(x)))
    ours = swap(model)
    assert_same(ours, model, LSTM, inputs_of(model))
    assert type(ours) is Trained


def test_every_argument_of_the_layer_is_kept_there_and_back():
    layer = layers.LSTM(
        UNITS,
        activation="relu",
        recurrent_activation="hard_sigmoid",
        kernel_initializer="he_normal",
        unit_forget_bias=False,
        kernel_regularizer="l2",
        activity_regularizer="l1",
        bias_constraint="non_neg",
        dropout=0.25,
        recurrent_dropout=0.5,
        seed=11,
        return_sequences=True,
        unroll=True,
        zero_output_for_mask=True,
        trainable=False,
        name="encoder",
    )
    theirs = swap(swap(layer), to=layers.LSTM)
    assert theirs.get_config() == layer.get_config()


def test_a_compiled_model_is_compiled_and_trains_a_step(randomized, draw):
    model = randomized(sequential(layers.LSTM))
    model.compile(
        keras.optimizers.Adam(0.25), loss="mae", metrics=["mse"], run_eagerly=True
    )
    ours = swap(model)
    assert ours.loss == "mae"
    assert ours.run_eagerly
    assert float(ours.optimizer.learning_rate) == 0.25
    before = model.get_weights()
    ours.train_on_batch(draw(BATCH, *SHAPE), draw(BATCH, 2))
    assert not np.allclose(ours.layers[0].get_weights()[0], before[0])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def own_loss(true, predicted):
    return predicted - true


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize("loss", [own_loss, lambda true, predicted: predicted - true])
def test_a_model_whose_loss_is_not_registered_is_not_compiled(loss, randomized, capsys):
    model = randomized(sequential(layers.LSTM))
    model.compile(loss=loss)
    assert not swap(model).compiled
    assert model.compiled
    assert "swap: the copy is not compiled" in capsys.readouterr().out


def test_it_prints_what_it_replaced(capsys):
    model = bidirectional(layers.LSTM)
    name = model.get_layer("both").forward_layer.name
    swap(model)
    line = f"swap: 2 layers are now lstm_layer.LSTM: both/{name}, both/back"
    assert capsys.readouterr().out.startswith(line)
    swap(sequential(LSTM), to=layers.LSTM)
    assert capsys.readouterr().out.endswith(", second\n")
    swap(model, verbose=False)
    assert not capsys.readouterr().out


def test_a_model_without_such_a_layer_comes_back_as_it_is(capsys):
    model = keras.Sequential([layers.GRU(2), LSTM(3)], name="gru")
    assert swap(model) is model
    line = "swap: 'gru' is returned unchanged: no keras.layers.LSTM.\n"
    assert capsys.readouterr().out == line


def test_what_keras_lacks_is_dropped_from_a_layer_only_if_outputs_stay(capsys):
    model = keras.Sequential([LSTM(UNITS, jit_compile=False, name="a")])
    swap(model, to=layers.LSTM)
    assert "swap: 'a' loses jit_compile=False." in capsys.readouterr().out
