"""`swap` replaces the class of every LSTM in a model, and nothing else."""

import keras
import numpy as np
import pytest
from keras import layers

from lstm_layer.cell import LSTMCell
from lstm_layer.layer import LSTM
from lstm_layer.swap import swap

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
    """An encoder and a decoder with two inputs and two outputs, by name."""
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
    """A layer that two models share, a model that is called twice, a Sequential."""
    shared = lstm(UNITS, return_sequences=True, name="shared")
    a, b, x = keras.Input(SHAPE), keras.Input(SHAPE), keras.Input(SHAPE)
    first = keras.Model(a, lstm(2)(shared(a)), name="first")
    second = keras.Model(b, shared(b)[:, -1], name="second")
    third = keras.Sequential([layers.Dense(FEATURES), lstm(3)], name="third")
    return keras.Model(x, [first(x), first(-x), second(x), third(x)])


def other_layers(lstm):
    """Layers that stay as they are, one of them a lambda."""
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


@pytest.fixture
def randomized(draw):
    """Gives a model random weights; variances have to be positive."""

    def set_random_weights(model):
        for weight in model.weights:
            value = 0.7 * draw(*weight.shape)
            weight.assign(abs(value) if "variance" in weight.name else value)
        return model

    return set_random_weights


@pytest.fixture
def inputs_of(draw):
    """Draws inputs in the structure that a functional model takes."""

    def draw_inputs(model):
        given = model.input if hasattr(model, "input") else model.inputs[0]
        return keras.tree.map_structure(
            lambda tensor: draw(BATCH, *tensor.shape[1:], dtype=tensor.dtype), given
        )

    return draw_inputs


def everything_of(model):
    """Returns what a copy has to share with the model, the class of an LSTM aside."""
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


class Residual(layers.Wrapper):  # nobody registered it
    def call(self, inputs):
        return inputs + self.layer(inputs)


def shared_through_a_wrapper():
    x, shared = keras.Input(SHAPE), layers.LSTM(FEATURES, return_sequences=True)
    return keras.Model(x, Residual(shared)(shared(x)), name="whole")


class OwnLSTM(layers.LSTM):
    pass


@keras.saving.register_keras_serializable(package="test_swap")
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
        r"'both/forward_\w+' has cell=OwnCell, which keras\.layers\.LSTM cannot do",
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
