"""Batches: a function of seed and epoch; augmentation; clips in a row."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from apps.common.data.batches import Shard
from apps.common.portable.audio import as_float
from apps.speech_commands.augmentation import augmented, draw, faster
from apps.speech_commands.coloured_noise import noise_bank
from apps.speech_commands.config import AugmentationConfig, FeatureConfig
from apps.speech_commands.data import Batches, Clips, measured
from apps.speech_commands.features import LogMel

NOTHING = AugmentationConfig(
    shift_ms=0.0, gain_db=0.0, noise_share=0.0, frequency_masks=0, time_masks=0
)


@pytest.fixture
def clips():
    """Ten clips: each a constant, by which it is known."""
    waves = np.outer(1000 * (1 + np.arange(10)), np.ones(800)).astype("int16")
    labels = np.arange(10, dtype="int32") % 3
    names = [str(number) for number in range(10)]
    snr_db = np.where(np.arange(10) < 5, np.inf, 10.0)
    return Clips(waves, labels, names, snr_db, noise_bank(0, 2, 1000))


@pytest.fixture
def front_end():
    return LogMel(8000, **asdict(FeatureConfig(mel_bands=6)))


def collect(dataset, count):
    batches = list(dataset.take(count).as_numpy_iterator())
    return [np.concatenate(part) for part in zip(*batches, strict=True)]


def test_an_epoch_has_every_clip_once_and_its_own_label(clips, front_end):
    batches = Batches(clips, 3, front_end, 5, augmentation=NOTHING)
    assert batches.steps == 2
    features, labels = collect(batches.shuffled(1), 2)
    plain = front_end(as_float(clips.waves)).numpy()
    order = [np.argmin(np.abs(plain - row).sum(axis=(1, 2))) for row in features]
    assert sorted(order) == list(range(10))
    assert order != list(range(10))
    np.testing.assert_allclose(features, plain[order], atol=1e-3)
    np.testing.assert_array_equal(labels, np.eye(3)[clips.labels[order]])


def test_the_batches_are_a_function_of_seed_and_epoch(clips, front_end):
    settings = AugmentationConfig(shift_ms=10.0)
    batches = Batches(clips, 3, front_end, 4, augmentation=settings)

    def of(seed, epoch):
        return collect(batches.shuffled(seed, epoch), batches.steps)[0]

    np.testing.assert_array_equal(of(1, 0), of(1, 0))
    assert (of(1, 0) != of(1, 1)).any()
    assert (of(1, 0) != of(2, 0)).any()
    both = collect(batches.shuffled(1), 2 * batches.steps)[0]
    np.testing.assert_array_equal(both[len(both) // 2 :], of(1, 1))


def test_clips_in_a_row_follow_one_another(clips, front_end):
    single = Batches(clips, 3, front_end, 4, augmentation=NOTHING)
    rows = Batches(clips, 3, front_end, 5, 2, NOTHING)
    assert (rows.batch_size, rows.frames) == (4, 5)
    features, labels = next(rows.shuffled(1).as_numpy_iterator())
    alone, own = next(single.shuffled(1).as_numpy_iterator())
    assert features.shape == (2, 10, 6)
    assert labels.shape == (2, 2, 3)
    np.testing.assert_array_equal(features.reshape(4, 5, 6), alone)
    np.testing.assert_array_equal(labels.reshape(4, 3), own)


def test_in_order_every_clip_comes_once_with_its_own_noise(clips, front_end):
    batches = Batches(clips, 3, front_end, batch_size=4)
    features, labels = collect(batches.in_order(), batches.steps)
    again, _ = collect(batches.in_order(), batches.steps)
    np.testing.assert_array_equal(features, again)
    np.testing.assert_array_equal(labels.argmax(axis=1), clips.labels)
    plain = front_end(as_float(clips.waves)).numpy()
    differs = np.abs(features - plain).max(axis=(1, 2)) > 1e-3
    np.testing.assert_array_equal(differs, np.isfinite(clips.snr_db))


def test_noise_is_added_at_the_ratio_asked_for(clips):
    noisy = measured(clips, slice(2, 4), np.array([np.inf, 0.0]))
    plain = as_float(clips.waves[2:4])
    np.testing.assert_allclose(noisy[0], plain[0])
    added = noisy[1] - plain[1]
    assert np.mean(added**2) == pytest.approx(np.mean(plain[1] ** 2), rel=1e-3)


def test_the_noise_of_a_clip_is_its_own_whatever_the_batch(clips):
    together = measured(clips, slice(0, 10), np.zeros(10))
    alone = measured(clips, slice(3, 4), np.zeros(1))
    np.testing.assert_array_equal(together[3], alone[0])


def change(clips, front_end, **settings):
    settings = AugmentationConfig(**{**asdict(NOTHING), **settings})
    rng = np.random.default_rng(3)
    drawn = draw(rng, 10, settings, clips.noise, clips.waves.shape[1], front_end)
    waves, _ = augmented(clips.waves, clips.noise, drawn)
    return as_float(clips.waves), waves.numpy(), drawn.kept_frames, drawn.kept_bands


def test_the_noise_beside_a_row_goes_on_before_its_first_or_after_its_last_clip(
    clips, front_end
):
    settings = replace(NOTHING, noise_share=1.0)
    batches = Batches(clips, 3, front_end, 6, 2, settings, beside=True)
    rows, beside, labels = next(batches.shuffled(4).as_numpy_iterator())
    assert (rows.shape, labels.shape) == ((3, 10, 6), (3, 2, 3))
    chosen = np.random.default_rng([4, 0]).permutation(10)[:6]
    drawn = draw(
        *(np.random.default_rng([4, 0, 0]), 6, settings, clips.noise, 800, front_end)
    )
    for row, clip, shift in ((0, 0, -800), (1, 3, 800), (2, 5, 800)):
        level = 1000 * (1 + chosen[clip]) / 32767 * 10 ** (-drawn.snr_db[clip] / 20)
        noise, begin = clips.noise[drawn.noise[clip]], drawn.begin[clip]
        level /= np.sqrt(np.mean(np.square(noise[begin : begin + 800])))
        here = level * noise[np.arange(begin + shift, begin + shift + 800) % 1000]
        expected = front_end(here[np.newaxis].astype("float32"))[0]
        np.testing.assert_allclose(beside[row], expected, atol=1e-3)


def test_a_shift_leaves_silence_and_loses_nothing_else(clips, front_end):
    plain, changed, *_ = change(clips, front_end, shift_ms=20.0)
    moved = np.sum(changed == 0, axis=1)
    assert moved.max() <= 160
    assert len(set(moved.tolist())) > 4
    sides = [(row[0] == 0, row[-1] == 0) for row in changed]
    assert {(True, False), (False, True)} <= set(sides)
    np.testing.assert_allclose(
        changed[changed != 0], np.repeat(plain[:, 0], 800 - moved), rtol=1e-6
    )


def test_a_shift_by_more_than_a_clip_leaves_silence(clips, front_end):
    _, changed, *_ = change(clips, front_end, shift_ms=10_000.0)
    assert changed.shape == (10, 800)


def test_another_speed_moves_the_pitch_and_the_middle_stays(front_end):
    time = np.arange(-400, 400) / 8000
    wave = 8000 * np.sin(2 * np.pi * 500 * time) * np.exp(-((time / 0.01) ** 2))
    waves = np.tile(wave, (10, 1)).astype("int16")
    clips = Clips(waves, np.zeros(10, "int32"), [], np.zeros(10), noise_bank(0, 2, 900))
    plain, changed, *_ = change(clips, front_end, speed=0.25)
    assert changed.shape == plain.shape
    pitches = 10 * np.abs(np.fft.rfft(changed)).argmax(axis=1)  # 0.1 s: 10 Hz a bin
    assert (np.abs(pitches - 500) <= 130).all()
    assert np.ptp(pitches) > 100
    middles = (changed**2 * np.arange(800)).sum(axis=1) / (changed**2).sum(axis=1)
    np.testing.assert_allclose(middles, 400, atol=3)


@pytest.mark.parametrize("shift", [-3, 0, 2, 20])
@pytest.mark.parametrize("length", [9, 10])
def test_clips_are_moved_by_whole_samples(length, shift):
    wave = 1 + np.arange(length)
    long = np.concatenate([np.zeros(50), wave, np.zeros(50)])
    changed = played([wave], speed=1.0, shift=shift)
    np.testing.assert_array_equal(changed[0], long[50 - shift : 50 - shift + length])


def played(waves, speed, shift=0):
    waves = np.array(waves, "int16")
    one = np.ones(len(waves), "float32")
    return faster(waves, one * speed, np.int32(one * shift), one).numpy()


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
def test_a_straight_line_at_another_speed_is_another_line(speed):
    """Between silence on both sides, whose width is that of the slower clip."""
    time = np.arange(101) - 50.0
    changed = played([20 * time + 5000], speed)[0]
    heard = np.abs(time * speed) <= 50
    np.testing.assert_allclose(changed[heard], (20 * time * speed + 5000)[heard])
    np.testing.assert_array_equal(changed[np.abs(time * speed) >= 51], 0)


def test_a_gain_is_within_its_bounds(clips, front_end):
    plain, changed, *_ = change(clips, front_end, gain_db=6.0)
    gain_db = 20 * np.log10(changed[:, 0] / plain[:, 0])
    assert (np.abs(gain_db) <= 6.001).all()
    assert np.ptp(gain_db) > 3


def test_clips_are_masked_in_the_first_epochs_alone(clips, front_end):
    unmasked = AugmentationConfig(shift_ms=0.0, frequency_masks=0, time_masks=0)
    for masks in ({"time_masks": 2}, {"frequency_masks": 2}):
        settings = replace(unmasked, masked_epochs=2, **masks)

        def of(epoch, settings):
            batches = Batches(clips, 3, front_end, 4, augmentation=settings)
            return collect(batches.shuffled(1, epoch), batches.steps)[0]

        for epoch, masked in ((0, True), (1, True), (2, False), (7, False)):
            same = np.array_equal(of(epoch, settings), of(epoch, unmasked))
            assert same == (not masked)
        always = replace(settings, masked_epochs=0)
        assert (of(7, always) != of(7, unmasked)).any()


def test_stretches_are_blanked_no_wider_than_asked_for(clips, front_end):
    _, _, frames, bands = change(
        clips,
        front_end,
        time_masks=1,
        time_mask_ms=60.0,
        frequency_masks=1,
        frequency_mask_bands=2,
    )
    for kept, widest in ((frames, 3), (bands, 2)):
        lost = np.sum(~kept, axis=1)
        assert lost.max() == widest
        for row in kept:
            assert np.sum(np.diff(np.concatenate([[1], row, [1]])) == -1) <= 1


@pytest.mark.parametrize("row", [None, 2])
def test_shards_of_augmented_batches_are_the_whole_ones(clips, front_end, row):
    settings = AugmentationConfig(shift_ms=10.0, speed=0.1)
    batches = Batches(clips, 3, front_end, 8, row, settings)

    def of(shard):
        dataset = batches.shuffled(1, 0, shard)
        return collect(dataset.take(1), 1)

    whole, *parts = (
        of(Shard()),
        of(Shard(0, num_replicas=2)),
        of(Shard(1, num_replicas=2)),
    )
    for expected, *own in zip(whole, *parts, strict=True):
        np.testing.assert_allclose(np.concatenate(own), expected, atol=1e-4)


@pytest.mark.parametrize("replicas", [2, 4])
def test_shards_in_order_have_every_clip_once_and_rows_without_a_label(
    clips, front_end, replicas
):
    batches = Batches(clips, 3, front_end, batch_size=9)  # a batch of 9, one of 1
    _, whole = collect(batches.in_order(), 2)
    rows_read = []
    for number in range(replicas):
        shard = Shard(number, num_replicas=replicas)
        for _, labels in batches.in_order(shard).as_numpy_iterator():
            rows_read += labels[labels.any(axis=-1)].tolist()
    assert sorted(rows_read) == sorted(whole.tolist())


def test_rows_of_clips_that_replicas_cannot_share_are_refused(clips, front_end):
    batches = Batches(clips, 3, front_end, batch_size=6, clips_in_a_row=2)
    with pytest.raises(ValueError, match=r"multiple of 4\. Received: 6\."):
        batches.shuffled(1, 0, Shard(num_replicas=2))
