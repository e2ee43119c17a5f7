"""The sentiment model: padding, learning, and the cell in it."""

import keras
import numpy as np
import pytest

from apps.common.layers.pooling import MaskedPooling
from apps.sentiment import model as model_module
from apps.sentiment.model import build_model
from lstm_layer import LSTM, LSTMCell
from tests.apps.common.layers.test_pooling import by_numpy
from tests.edited_cells import NoInputGate

POOLINGS = ("last", "mean", "max", "attention")
VOCABULARY_SIZE, NUM_CLASSES = 30, 3
SETTINGS = {
    "trained_tokens": 20,
    "embedding_dim": 6,
    "embedding_dropout": 0.3,
    "units": 4,
    "num_layers": 1,
    "direction": "both",
    "reader_units": 0,
    "dropout": 0.3,
    "bag_of_words": False,
}


def small_model(pooling, **changes):
    options = {**SETTINGS, "pooling": pooling, **changes}
    return build_model(VOCABULARY_SIZE, NUM_CLASSES, **options)


def padded(token_ids, timesteps):
    more = timesteps - token_ids.shape[1]
    return np.pad(token_ids, ((0, 0), (0, more)))


@pytest.fixture
def token_ids():
    """Texts of 7, 3 and 1 tokens."""
    ids = np.random.default_rng(4).integers(1, VOCABULARY_SIZE, (3, 7))
    ids[1, 3:] = ids[2, 1:] = 0
    return ids


@pytest.fixture(
    scope="module",
    params=[*((pooling, 0) for pooling in POOLINGS), ("last", 3), ("max", 3)],
    ids=str,
)
def model(request):
    pooling, reader_units = request.param
    keras.utils.set_random_seed(11)
    num_layers = 2 if request.param == ("attention", 0) else 1
    return small_model(pooling, reader_units=reader_units, num_layers=num_layers)


def test_more_padding_gives_the_same_logits(model, token_ids):
    logits = model(token_ids)
    assert logits.shape == (3, NUM_CLASSES)
    more = model(padded(token_ids, 20))
    np.testing.assert_allclose(more, logits, rtol=1e-5, atol=1e-6)


def test_a_text_has_the_same_logits_in_a_batch_as_alone(model, token_ids):
    together = model(token_ids)
    for row, length in enumerate((6, 3, 1)):
        alone = model(token_ids[row : row + 1, : length + 1])
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-5, atol=1e-6)


def test_every_token_and_its_place_count(model):
    text = np.arange(1, 6)
    changed = [np.where(text == token, 9, text) for token in text]
    logits = np.array(model(np.array([text, text[::-1], *changed])))
    assert (np.abs(logits[1:] - logits[0]).max(axis=-1) > 1e-6).all()


def test_a_row_of_padding_only_gives_finite_logits(model):
    assert np.isfinite(model(np.zeros((2, 5), "int32"))).all()


def test_a_saved_model_loads_with_the_same_logits(model, token_ids, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(token_ids), model(token_ids))


def test_the_arguments_set_the_sizes():
    model = small_model("attention", num_layers=3)
    shapes = [tuple(w.shape) for w in model.trainable_weights]
    assert shapes[0] == (SETTINGS["trained_tokens"], 6)
    kernels = [w.shape for w in model.weights if w.path.endswith("cell/kernel")]
    recurrent = [s for s in shapes if s == (4, 16)]
    assert len(recurrent) == 2 * 3, kernels
    assert shapes[-1] == (NUM_CLASSES,)
    assert model.input_shape == (None, None)
    assert model.name == "sentiment"
    assert not model.compiled


@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_the_logits_are_of_what_the_pooling_asked_for_gives(pooling, token_ids):
    model = small_model(pooling)
    layer = next(x for x in model.layers if isinstance(x, MaskedPooling))
    states = np.array(keras.Model(model.input, layer.input[0])(token_ids))
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(8, 8)), rng.normal(size=(8, 1))]
    if pooling == "attention":
        layer.set_weights(weights)
    pooled = by_numpy(pooling, states, token_ids > 0, weights)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(model(token_ids), pooled @ kernel + bias, atol=1e-6)


def test_dropout_applies_in_training_only(token_ids):
    model = small_model("max")
    np.testing.assert_array_equal(model(token_ids), model(token_ids))
    first, second = (np.array(model(token_ids, training=True)) for _ in range(2))
    assert (first != second).any()


def test_a_small_model_learns_a_dozen_examples_by_heart():
    generator = np.random.default_rng(12)
    token_ids = generator.integers(1, VOCABULARY_SIZE, (12, 6))
    targets = np.arange(12) % NUM_CLASSES
    model = small_model(
        "max", units=8, num_layers=1, embedding_dropout=0.0, dropout=0.0
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.03), loss, jit_compile=False)
    model.fit(token_ids, targets, epochs=40, batch_size=12, verbose=0)
    assert (np.argmax(model(token_ids), axis=-1) == targets).all()


class AsWritten(LSTMCell):
    """The same equations in a class of its own."""


@pytest.mark.parametrize(("cell", "same"), [(AsWritten, True), (NoInputGate, False)])
@pytest.mark.parametrize("pooling", ["last", "max"])
def test_an_edited_gate_changes_the_logits_of_a_model_built_on_it(
    cell, same, pooling, token_ids, monkeypatch
):
    class Edited(LSTM):
        def __init__(self, units=None, **options):
            super().__init__(cell=options.pop("cell", None) or cell(units), **options)

    original = small_model(pooling)
    monkeypatch.setattr(model_module, "LSTM", Edited)
    with keras.saving.custom_object_scope({"Edited": Edited, cell.__name__: cell}):
        edited = small_model(pooling)
    edited.set_weights(original.get_weights())
    difference = np.abs(np.array(edited(token_ids)) - np.array(original(token_ids)))
    assert difference.max() < 1e-5 if same else difference.max() > 1e-3
