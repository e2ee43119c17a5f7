"""The front end: against NumPy, chunk by chunk, and the length of clips."""

import numpy as np
import pytest
import tensorflow as tf

from apps.speech_commands.features import LogMel, blank, fit_clip


@pytest.fixture
def front_end():
    return LogMel(8000, window_ms=25.0, hop_ms=10.0, mel_bands=12)


@pytest.fixture
def waves():
    return np.random.default_rng(2).normal(0, 0.1, (2, 800)).astype("float32")


def test_a_frame_is_the_log_mel_spectrum_of_the_window_that_ends_with_it(
    front_end, waves
):
    assert (front_end.window, front_end.hop, front_end.fft_length) == (200, 80, 256)
    features = front_end(waves)
    assert features.shape == (2, 10, 12)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200)
    hertz = np.arange(129) * 8000 / 256

    def mel(f):
        return 1127 * np.log(1 + f / 700)

    edges = np.linspace(mel(20), mel(4000), 14)
    padded = np.pad(waves, ((0, 0), (120, 0)))
    for frame in (0, 4, 9):
        window = padded[:, frame * 80 : frame * 80 + 200]
        power = np.abs(np.fft.rfft(window * hann, 256)) ** 2
        for band in (0, 5, 11):
            low, peak, high = edges[band : band + 3]
            rising = (mel(hertz) - low) / (peak - low)
            falling = (high - mel(hertz)) / (high - peak)
            weights = np.maximum(0, np.minimum(rising, falling))
            weights[0] = 0
            np.testing.assert_allclose(
                features[:, frame, band], np.log(power @ weights + 1e-6), rtol=1e-3
            )


@pytest.mark.parametrize("hertz", [200, 1000, 3900, 4100, 5500, 7000, 7500])
def test_at_16_khz_a_tone_is_heard_in_its_band_up_to_7600_hz(hertz):
    front_end = LogMel(16000, window_ms=30.0, hop_ms=20.0, mel_bands=20)
    time = np.arange(1600) / 16000
    features = front_end(np.sin(2 * np.pi * hertz * time)[np.newaxis].astype("float32"))
    low, tone, high = 1127 * np.log(1 + np.array([20, hertz, 7600]) / 700)
    nearest = round((tone - low) / (high - low) * 21) - 1
    assert int(np.argmax(features[0, -1])) == min(nearest, 19)


@pytest.mark.parametrize("hops", [[10], [1] * 10, [3, 1, 6]])
def test_chunk_by_chunk_gives_what_the_whole_gives(front_end, waves, hops):
    whole, before, parts = front_end(waves), np.zeros((2, 120), "float32"), []
    for chunk in np.split(waves, np.cumsum(hops)[:-1] * 80, axis=1):
        parts.append(front_end(chunk, before))
        before = np.concatenate([before, chunk], axis=1)[:, -120:]
    np.testing.assert_allclose(tf.concat(parts, 1), whole, atol=1e-4)


def test_digital_silence_and_full_scale_are_finite(front_end):
    for level in (0, 1):
        assert np.isfinite(front_end(np.full((1, 800), level, "float32"))).all()


def test_a_short_clip_has_silence_around_it():
    clip = fit_clip(tf.ones([1, 4]), 9)[0]
    np.testing.assert_array_equal(clip, [0, 0, 1, 1, 1, 1, 0, 0, 0])


def test_of_a_long_clip_the_loudest_stretch_is_kept():
    waves = np.random.default_rng(0).normal(0, 0.01, (2, 100)).astype("float32")
    waves[0, 60:70] += 1
    waves[1, :10] -= 1
    clip = fit_clip(waves, 12)
    assert clip.shape == (2, 12)
    assert np.sum(clip[0] > 0.5) == 10
    np.testing.assert_array_equal(clip[1], waves[1, :12])


@pytest.mark.parametrize("length", [1, 80, 799, 801, 80_000])
def test_every_length_becomes_that_of_a_clip(length):
    assert fit_clip(tf.zeros([3, length]), 800).shape == (3, 800)


def test_what_is_blanked_has_the_mean_of_its_clip():
    x = np.random.default_rng(1).normal(size=(2, 4, 3)).astype("float32")
    frames, bands = np.ones((2, 4), bool), np.ones((2, 3), bool)
    frames[0, 1:3] = bands[1, 2] = False
    blanked = np.array(blank(x, frames, bands))
    np.testing.assert_allclose(blanked[0, 1:3], x[0].mean(), rtol=1e-5)
    np.testing.assert_allclose(blanked[1, :, 2], x[1].mean(), rtol=1e-5)
    np.testing.assert_array_equal(blanked[0, [0, 3]], x[0, [0, 3]])
    np.testing.assert_array_equal(blanked[1, :, :2], x[1, :, :2])
