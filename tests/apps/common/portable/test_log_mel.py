"""The front end in NumPy gives what TensorFlow's operations give."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.portable import log_mel
from apps.speech_commands import features

SETTINGS = [  # of the defaults, of the tests, and with windows of odd length
    (16000, 30.0, 20.0, 40),
    (8000, 20.0, 10.0, 8),
    (16000, 25.06, 10.0, 23),
    (44100, 25.0, 12.3, 64),
    (11025, 16.0, 16.0, 20),
]


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def pair(request):
    """The same front end twice: in NumPy, and as a `tf.function`."""
    front_end = features.LogMel(*request.param)
    samples = tf.TensorSpec([None, None])
    graph = tf.function(front_end.__call__, input_signature=[samples, samples])
    return log_mel.LogMel(*request.param), graph


def assert_alike(pair, waves, before=None):
    """Compares powers; float32 rounds each frequency relative to the whole frame."""
    front_end, graph = pair
    found = front_end(waves, before)
    if before is None:
        before = np.zeros((len(waves), front_end.context), "float32")
    expected = graph(waves, before).numpy()
    assert found.dtype == expected.dtype == "float32"
    assert found.shape == expected.shape
    if not found.size:
        return
    known = np.concatenate([before, waves], axis=1, dtype="float64")
    windows = np.lib.stride_tricks.sliding_window_view(known, front_end.window, axis=1)
    squares = np.square(windows[:, :: front_end.hop])
    # No frequency has more power.
    energy = front_end.window * squares.sum(axis=-1, keepdims=True) + log_mel.FLOOR
    found, expected = np.exp(found, dtype="float64"), np.exp(expected, dtype="float64")
    assert (np.abs(found - expected) <= 1e-5 * np.sqrt(expected * energy)).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.floats(0, 20),
    level=st.sampled_from([0, 1e-6, 1e-3, 0.1, 1]),
    tone_hz=st.floats(0, 20_000),
)
def test_sound_of_any_kind_has_the_same_frames(pair, seed, frames, level, tone_hz):
    front_end, _ = pair
    rng, size = np.random.default_rng(seed), int(frames * front_end.hop)
    time = np.arange(size) / front_end.sample_rate_hz
    waves = level * rng.normal(0, 0.3, (2, size))
    waves[1] += 0.5 * np.sin(2 * np.pi * tone_hz * time)
    waves = waves.astype("float32")
    before = rng.normal(0, 0.1, (2, front_end.context)).astype("float32")
    assert_alike(pair, waves, before)
    assert_alike(pair, waves)


@pytest.mark.parametrize("level", [1e-6, 1e-3, 0.3])
def test_noise_has_the_same_frames_within_rounding(pair, level):
    front_end, graph = pair
    noise = np.random.default_rng(6).normal(0, level, (3, 10 * front_end.hop))
    noise = noise.astype("float32")
    silence = np.zeros((3, front_end.context), "float32")
    np.testing.assert_allclose(front_end(noise), graph(noise, silence), atol=2e-5)


@pytest.mark.parametrize("value", [0, 1, -1, 0.25])
def test_digital_silence_and_a_constant_have_the_same_frames(pair, value):
    waves = np.full((1, 3 * pair[0].window), value, "float32")
    assert_alike(pair, waves)


def test_a_click_has_the_same_frames(pair):
    hop = pair[0].hop
    assert_alike(pair, np.eye(5 * hop, dtype="float32")[:: hop // 3])


def test_the_bands_are_those_of_tensorflow(pair):
    front_end, _ = pair
    expected = tf.signal.linear_to_mel_weight_matrix(
        front_end.mel_bands,
        front_end.fft_length // 2 + 1,
        front_end.sample_rate_hz,
        log_mel.LOWEST_HZ,
        front_end.highest_hz,
    )
    assert front_end.mel.dtype == "float32"
    np.testing.assert_allclose(front_end.mel, expected, atol=2e-5)


@pytest.mark.parametrize("length", [1, 2, 5, 160, 401])
def test_the_window_is_that_of_tensorflow(length):
    window = log_mel.LogMel(1000, length, length, 4).hann
    assert window.dtype == "float32"
    np.testing.assert_allclose(window, tf.signal.hann_window(length), atol=3e-7)


@pytest.mark.parametrize("hops", [[10], [1] * 10, [3, 1, 6]])
def test_chunk_by_chunk_gives_what_the_whole_gives(hops):
    front_end = log_mel.LogMel(8000, window_ms=25.0, hop_ms=10.0, mel_bands=12)
    waves = np.random.default_rng(2).normal(0, 0.1, (2, 800)).astype("float32")
    before, parts = np.zeros((2, 120), "float32"), []
    for chunk in np.split(waves, np.cumsum(hops)[:-1] * 80, axis=1):
        parts.append(front_end(chunk, before))
        before = np.concatenate([before, chunk], axis=1)[:, -120:]
    whole = front_end(waves)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(1, 300),
    samples=st.integers(1, 200),
    levels=st.sampled_from([1, 2, 3, 10_000]),
)
def test_the_same_part_of_a_recording_is_kept(seed, length, samples, levels):
    waves = np.random.default_rng(seed).integers(0, levels, (3, length))
    waves = (waves / levels).astype("float32")  # with few levels many parts are equal
    clip = log_mel.fit_clip(waves, samples)
    np.testing.assert_array_equal(clip, features.fit_clip(waves, samples))


def test_the_first_of_equally_loud_parts_is_kept():
    waves = np.zeros((2, 100_000), "float32")
    waves[0, [20_000, 70_000]] = 0.3
    for fit_clip in (log_mel.fit_clip, features.fit_clip):
        clips = np.array(fit_clip(waves, 30_000))
        assert np.flatnonzero(clips).tolist() == [20_000]
