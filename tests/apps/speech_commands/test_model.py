"""The word spotter: causal forward, whole both ways, learning, the cell in it."""

import keras
import numpy as np
import pytest

from apps.common.layers.state import zero_state
from apps.speech_commands import model as module
from apps.speech_commands.model import build_model, clip_logits, streams
from lstm_layer import LSTM
from tests.edited_cells import NoInputGate

SETTINGS = {
    "units": 5,
    "num_layers": 2,
    "dropout": 0.4,
    "clip_normalization": False,
}
KINDS = [
    ("forward", "last"),
    ("forward", "max"),
    ("both", "last"),
    ("both", "max"),
    ("both", "attention"),
]


def at_each_frame(model, features, state=None):
    features = keras.ops.convert_to_tensor(features)
    return model([features, *(state or zero_state(model, len(features)))])


def small_model(direction, pooling, **changes):
    options = {**SETTINGS, "direction": direction, "pooling": pooling, **changes}
    return build_model(3, 4, **options)


@pytest.fixture
def features():
    return np.random.default_rng(6).normal(size=(2, 9, 4)).astype("float32")


@pytest.mark.parametrize(("direction", "pooling"), KINDS)
def test_a_clip_has_one_row_of_logits(direction, pooling, features):
    model = small_model(direction, pooling)
    assert streams(model) == (direction == "forward")
    assert clip_logits(model, features, pooling).shape == (2, 3)
    assert not model.compiled


def test_forward_answers_before_what_is_to_come(features):
    model = small_model("forward", "last")
    changed = features.copy()
    changed[:, 6:] += 1
    before, after = (np.array(at_each_frame(model, x)[0]) for x in (features, changed))
    np.testing.assert_allclose(before[:, :6], after[:, :6], atol=1e-6)
    assert (np.abs(before[:, 6:] - after[:, 6:]).max(axis=-1) > 1e-5).all()


@pytest.mark.parametrize("pooling", ["last", "attention"])
def test_both_ways_every_frame_counts(pooling, features):
    model = small_model("both", pooling)
    logits = np.array(model(features))
    for frame in (0, 4, 8):
        changed = features.copy()
        changed[:, frame] += 1
        assert np.abs(np.array(model(changed)) - logits).max() > 1e-5


def test_each_clip_of_a_row_is_told_at_its_end(features):
    model = small_model("forward", "last")
    all_logits = np.array(at_each_frame(model, features)[0])
    pooled = clip_logits(model, features, "last", frames=3)
    np.testing.assert_allclose(pooled, all_logits[:, [2, 5, 8]], atol=1e-6)


def test_of_each_clip_of_a_row_the_highest_logits_are_taken(features):
    model = small_model("forward", "max")
    all_logits = np.array(at_each_frame(model, features)[0])
    pooled = clip_logits(model, features, "max", frames=3)
    expected = all_logits.reshape(2, 3, 3, 3).max(axis=2)
    np.testing.assert_allclose(pooled, expected, atol=1e-6)
    alone = clip_logits(model, features, "max")
    np.testing.assert_allclose(alone, all_logits.max(axis=1), atol=1e-6)


def test_the_state_carries_on(features):
    model = small_model("forward", "last")
    whole, *end = at_each_frame(model, features)
    first, *state = at_each_frame(model, features[:, :4])
    second, *state = at_each_frame(model, features[:, 4:], state)
    together = np.concatenate([first, second], axis=1)
    np.testing.assert_allclose(together, whole, atol=1e-5)
    for one, other in zip(state, end, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_normalized_clip_is_measured_from_its_loudest_band():
    decibels = np.array([[[-10, -10], [-27.5, -45], [-50, -130]]], "float32")
    x = module._normalized_clip(decibels * np.log(10) / 10)
    np.testing.assert_allclose(x, [[[2, 2], [0, -2], [-2, -2]]], atol=1e-5)


def test_where_clips_are_normalized_neither_level_nor_silence_counts(features):
    model = small_model("both", "last", clip_normalization=True)
    quiet, silent = (np.where(features < 0, low, features) for low in (-9.0, -13.8))
    logits = [np.array(model(x)) for x in (features, features + 3, quiet, silent)]
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-5)
    assert np.abs(logits[1] - logits[2]).max() > 1e-3
    np.testing.assert_allclose(logits[2], logits[3], atol=1e-5)


def test_a_normalized_clip_of_silence_has_finite_logits():
    model = small_model("both", "last", clip_normalization=True)
    assert np.isfinite(model(np.full((1, 9, 4), -13.8, "float32"))).all()


@pytest.mark.parametrize(("direction", "pooling"), KINDS)
def test_a_saved_model_loads_with_the_same_logits(
    direction, pooling, features, tmp_path
):
    model = small_model(direction, pooling)
    frames = np.random.default_rng(1).normal(2, 3, (5, 9, 4))
    model.get_layer("normalization").adapt(frames)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        clip_logits(loaded, features, pooling),
        clip_logits(model, features, pooling),
        atol=1e-6,
    )


def test_dropout_applies_in_training_only(features):
    model = small_model("forward", "last")
    first, again = (np.array(clip_logits(model, features, "last")) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    dropped = np.array(clip_logits(model, features, "last", training=True))
    assert np.abs(dropped - first).max() > 1e-4


def test_a_small_model_learns_a_dozen_clips_by_heart():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(12, 6, 4)).astype("float32")
    targets = np.arange(12) % 3
    model = small_model("forward", "max", units=12, num_layers=1, dropout=0.0)
    inputs = keras.Input((6, 4))
    state = [keras.ops.zeros_like(inputs[:, 0, :1]) * keras.ops.ones((1, 12))] * 2
    outputs = keras.ops.max(model([inputs, *state])[0], 1)
    learner = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    learner.compile(keras.optimizers.Adam(0.03), loss, jit_compile=False)
    learner.fit(features, targets, epochs=60, batch_size=12, verbose=0)
    assert (np.argmax(learner(features), axis=-1) == targets).all()


@pytest.mark.parametrize(("direction", "pooling"), KINDS)
def test_an_edited_gate_changes_the_logits(direction, pooling, features, monkeypatch):
    class Edited(LSTM):
        def __init__(self, units=None, **options):
            cell = options.pop("cell", None) or NoInputGate(units)
            super().__init__(cell=cell, **options)

    original = small_model(direction, pooling)
    monkeypatch.setattr(module, "LSTM", Edited)
    scope = {"Edited": Edited, "NoInputGate": NoInputGate}
    with keras.saving.custom_object_scope(scope):
        edited = small_model(direction, pooling)
    edited.set_weights(original.get_weights())
    one, other = (clip_logits(m, features, pooling) for m in (edited, original))
    assert np.abs(one - other).max() > 1e-3
