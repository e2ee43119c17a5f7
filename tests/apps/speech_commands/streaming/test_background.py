"""Training on sound in which no word is said, beside the clips."""

from dataclasses import asdict

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common.data.batches import Shard
from apps.speech_commands.coloured_noise import noise_bank
from apps.speech_commands.config import (
    AugmentationConfig,
    Config,
    FeatureConfig,
    ModelConfig,
    TrainConfig,
)
from apps.speech_commands.data import Batches, Clips
from apps.speech_commands.features import LogMel
from apps.speech_commands.model import build_model, frame_logits
from apps.speech_commands.streaming.background import (
    BackgroundLoss,
    WithBackground,
    joined,
    load_background,
    no_word_loss,
    parted,
)
from apps.speech_commands.train import trainer_of

BANDS, STRETCH, MINUTES = 6, 4, 3


@pytest.fixture
def batches():
    """Six clips of 80 ms, in rows of two; minutes whose frames are their numbers."""
    waves = np.outer(1000 * (1 + np.arange(6)), np.ones(640)).astype("int16")
    labels = np.arange(6, dtype="int32") % 3
    clips = Clips(waves, labels, [""] * 6, np.full(6, np.inf), noise_bank(0, 2, 640))
    front_end = LogMel(8000, **asdict(FeatureConfig(mel_bands=BANDS)))
    plain = Batches(clips, 3, front_end, 4, 2, AugmentationConfig(), beside=True)
    numbers = 100 * np.arange(MINUTES)[:, np.newaxis] + np.arange(20)
    minutes = np.repeat(numbers[:, :, np.newaxis], BANDS, axis=2).astype("float32")
    return WithBackground(plain, minutes, STRETCH, 0.5)


def _taken(batches, count, **options):
    return list(batches.shuffled(5, **options).take(count).as_numpy_iterator())


def test_sound_is_first_in_half_of_the_rows_and_last_in_the_others():
    sound = tf.constant([[[1.0], [2]], [[3], [4]], [[5], [6]]])
    clips = tf.constant([[[10.0]], [[20]], [[30]]])
    rows = joined(sound, clips)
    assert rows[..., 0].numpy().tolist() == [[1, 2, 10], [20, 3, 4], [30, 5, 6]]
    for part, whole in zip(parted(rows, 2), (sound, clips), strict=True):
        np.testing.assert_array_equal(part, whole)


def test_rows_have_the_clips_of_before_and_a_stretch_of_a_minute_or_of_noise(batches):
    assert (batches.steps, batches.batch_size) == (2, 4)
    plain = list(batches.batches.shuffled(5).take(40).as_numpy_iterator())
    noisy = []
    for (rows, labels), (clips, noise, labels_of_clips) in zip(
        _taken(batches, 40), plain, strict=True
    ):
        sound, rest = parted(rows, STRETCH)
        np.testing.assert_array_equal(rest, clips)
        np.testing.assert_array_equal(labels, labels_of_clips)
        for stretch, noise_of_row in zip(sound.numpy(), noise, strict=True):
            first = stretch[:1, :1]
            minute = first + np.arange(STRETCH)[:, np.newaxis] + np.zeros(BANDS)
            noisy.append(not np.array_equal(stretch, minute))
            expected = noise_of_row if noisy[-1] else minute
            np.testing.assert_array_equal(stretch, expected)
            assert noisy[-1] or first % 100 <= 20 - STRETCH
    assert 0.3 < np.mean(noisy) < 0.7


def test_stretches_are_a_function_of_seed_and_epoch_and_shards_share_them(batches):
    whole = _taken(batches, 4)
    for (rows, _), (again, _) in zip(
        whole[2:], _taken(batches, 2, epoch=1), strict=True
    ):
        np.testing.assert_array_equal(rows, again)
    assert not np.array_equal(whole[0][0], whole[2][0])
    parts = [_taken(batches, 1, shard=Shard(n, 1, 2))[0][0] for n in (0, 1)]
    sound, _ = parted(whole[0][0], STRETCH)
    shared = [parted(part, STRETCH)[0] for part in parts]
    np.testing.assert_array_equal(np.concatenate(shared), sound)


def test_the_loss_is_that_of_no_word_in_the_pooled_logits():
    rng = np.random.default_rng(3)
    logits, words, frames = rng.normal(size=(2, 5, 3)), [True, False, True], 2
    expected = []
    for row in logits:
        losses = []
        for t in range(5):
            scores = np.exp(row[max(0, t - frames + 1) : t + 1].max(axis=0))
            losses.append(-np.log(scores[1] / scores.sum()))
        expected.append(np.mean(losses))
    found = no_word_loss(tf.constant(logits, "float32"), words, frames)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["max", "last"])
def test_the_objective_adds_the_weighted_loss_of_the_sound_in_training(pooling):
    keras.utils.set_random_seed(3)
    model = build_model(3, BANDS, False, 5, 1, "forward", pooling, dropout=0.0)
    background = BackgroundLoss(STRETCH, 0.5, ["_other_", "go", "stop"])
    adamw = keras.optimizers.AdamW()
    trainer = trainer_of(
        tf.distribute.get_strategy(), model, adamw, 4, pooling, 3, background
    )
    features = np.random.default_rng(4).normal(size=(2, STRETCH + 2 * 3, BANDS))
    features = tf.constant(features, "float32")
    one_hot = np.eye(3, dtype="float32")[[[0, 1], [2, 1]]]
    objective, _ = trainer.loss_fn((features, one_hot), True)
    sound, clips = parted(frame_logits(model, features), STRETCH)
    clips = np.reshape(clips, (2, 2, 3, 3))
    of_clip = clips.max(axis=2) if pooling == "max" else clips[:, :, -1]
    losses = keras.ops.categorical_crossentropy(one_hot, of_clip, from_logits=True)
    width = 3 if pooling == "max" else 1
    heard = no_word_loss(sound, [False, True, True], width)
    expected = (np.sum(losses) + 0.5 * np.sum(heard)) / 4
    assert float(objective) == pytest.approx(expected, rel=1e-5)
    plain = (features[:, : 2 * 3], one_hot)
    assert float(trainer.loss_fn(plain, False)[0]) > 0  # validation has no sound


def test_a_model_of_whole_clips_is_refused():
    with pytest.raises(
        ValueError, match=r"train\.background_hours: .* Received: 0\.5\."
    ):
        Config(
            model=ModelConfig(direction="both", pooling="attention"),
            train=TrainConfig(background_hours=0.5),
        )


def test_labels_that_are_all_words_are_refused():
    with pytest.raises(ValueError, match=r'begins with "_".*Received: go, stop\.'):
        load_background(1, ["go", "stop"], Config())
