"""Audio files of many formats, and files that are not audio."""

import numpy as np
import pytest
import soundfile

from apps.common.portable.audio import as_float, as_int16, audio_blocks, read_audio

TIME = np.arange(4800) / 16000
TONE = 0.4 * np.sin(2 * np.pi * 440 * TIME)


WIDTHS = {
    "PCM_U8": 0.01,
    "PCM_16": 1e-4,
    "PCM_24": 1e-6,
    "PCM_32": 1e-6,
    "FLOAT": 1e-6,
    "DOUBLE": 1e-6,
}


@pytest.mark.parametrize(("width", "tolerance"), WIDTHS.items())
def test_samples_of_every_width_are_read(tmp_path, width, tolerance):
    soundfile.write(tmp_path / "a.wav", TONE, 16000, subtype=width)
    found = read_audio(tmp_path / "a.wav", 16000)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, TONE, atol=tolerance)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
def test_another_rate_is_resampled(tmp_path, rate):
    time = np.arange(rate // 2) / rate
    tone = 0.4 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "a.wav", tone, rate)
    found = read_audio(tmp_path / "a.wav", 16000)
    assert abs(len(found) - 8000) <= 1
    expected = 0.4 * np.sin(2 * np.pi * 440 * np.arange(len(found)) / 16000)
    middle = slice(500, -500)
    np.testing.assert_allclose(found[middle], expected[middle], atol=2e-3)


def test_channels_are_averaged(tmp_path):
    both = np.stack([TONE, 0.1 * np.ones_like(TONE)], axis=1)
    soundfile.write(tmp_path / "a.wav", both, 16000, subtype="FLOAT")
    found = read_audio(tmp_path / "a.wav", 16000)
    np.testing.assert_allclose(found, (TONE + 0.1) / 2, atol=1e-6)


def test_of_a_truncated_file_what_is_there_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", TONE, 16000, subtype="PCM_16")
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) // 2])
    found = read_audio(tmp_path / "a.wav", 16000)
    assert 2000 < len(found) < 2500
    np.testing.assert_allclose(found, TONE[: len(found)], atol=1e-4)


@pytest.mark.parametrize("sound", [TONE, 0 * TONE], ids=["tone", "silence"])
@pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
def test_a_stream_whose_header_was_never_finished_is_read(tmp_path, length, sound):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound, 16000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = length.to_bytes(4, "little")
    path.write_bytes(content)
    np.testing.assert_allclose(read_audio(path, 16000), sound, atol=1e-4)


@pytest.mark.parametrize(
    "content", [b"", b"These are words.\n" * 50, b"RIFF\0\0\0\0WAVE"]
)
def test_what_is_no_audio_is_refused_with_its_name(tmp_path, content):
    path = tmp_path / "words.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"words\.wav: (not audio|expected audio)"):
        read_audio(path, 16000)


def test_a_file_without_a_sample_and_a_missing_one_are_refused(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    with pytest.raises(ValueError, match=r"empty\.wav: expected audio"):
        read_audio(tmp_path / "empty.wav", 16000)
    with pytest.raises(ValueError, match=r"none\.wav: there is no such file"):
        read_audio(tmp_path / "none.wav", 16000)


def test_a_file_too_short_for_a_sample_of_the_other_rate_is_refused(tmp_path):
    soundfile.write(tmp_path / "tiny.wav", np.ones(1), 96000)
    with pytest.raises(ValueError, match=r"tiny\.wav: expected audio"):
        read_audio(tmp_path / "tiny.wav", 8000)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_block_by_block_a_file_is_the_same(tmp_path, rate):
    wave = np.random.default_rng(0).normal(0, 0.1, 3 * rate)
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    whole = read_audio(tmp_path / "a.wav", 16000)
    blocks = list(audio_blocks(tmp_path / "a.wav", 16000, seconds=1))
    assert len(blocks) >= 3
    np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-5)


def test_a_sample_that_is_no_number_is_refused_with_its_place(tmp_path):
    bad = TONE.copy()
    bad[7] = np.nan
    soundfile.write(tmp_path / "a.wav", bad, 16000, subtype="FLOAT")
    with pytest.raises(
        ValueError, match=r"a\.wav: .*NaN or infinity, first at sample 7"
    ):
        read_audio(tmp_path / "a.wav", 16000)


def test_sixteen_bits_hold_what_is_between_minus_one_and_one():
    x = np.array([-1.5, -1, -0.25, 0, 0.5, 1, 2], "float32")
    found = as_float(as_int16(x))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, np.clip(x, -1, 1), atol=2e-5)


def test_a_float_file_on_the_scale_of_integers_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", TONE * 32768, 16000, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"a\.wav: expected samples between -1 and 1"):
        read_audio(tmp_path / "a.wav", 16000)


def test_what_follows_the_data_of_an_empty_file_is_no_sound(tmp_path):
    path = tmp_path / "a.wav"
    with soundfile.SoundFile(path, "w", 16000, 1) as file:
        file.title = "a title of some length"
    with pytest.raises(ValueError, match=r"a\.wav: expected audio"):
        read_audio(path, 16000)


@pytest.mark.parametrize("text", [b"INFOabcd", b"INFOabc\0"])
def test_a_padded_chunk_after_the_data_of_an_empty_file_is_no_sound(tmp_path, text):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(0), 16000, subtype="PCM_16")
    size = len(text.rstrip(b"\0")).to_bytes(4, "little")
    path.write_bytes(path.read_bytes() + b"LIST" + size + text)
    with pytest.raises(ValueError, match=r"a\.wav: expected audio"):
        read_audio(path, 16000)
