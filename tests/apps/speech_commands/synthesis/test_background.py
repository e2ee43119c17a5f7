"""Minutes of sound without a command word, by a synthesizer of tones."""

import zlib

import numpy as np
import pytest

from apps.speech_commands.synthesis.background import SHARES, Speakers, make_minute
from apps.speech_commands.synthesis.sentences import phrases
from apps.speech_commands.synthesis.voices import voices_of

RATE = 2000
VARIANTS = [f"voice{chr(97 + n)}{chr(97 + m)}" for n in range(26) for m in range(4)]


class Tones:
    """A synthesizer that says each text as a tone; notes voices and texts."""

    sample_rate_hz, variants = RATE, VARIANTS

    def __init__(self):
        self.said = []

    def say(self, text, voice, rate, pitch, pitch_range):
        self.said.append((text, voice))
        assert 130 <= rate <= 230
        hertz = 100 + zlib.crc32(text.encode()) % 300
        time = np.arange(RATE * (1 + len(text)) // 15) / RATE
        return (9000 * np.sin(2 * np.pi * hertz * time)).astype("int16")


@pytest.fixture
def speakers():
    sentences = ["A first sentence is read.", "The second one is longer than it."]
    return Speakers.of("test", Tones(), sentences, phrases(["bird", "7"]))


@pytest.mark.parametrize("kind", SHARES)
def test_a_minute_is_a_function_of_its_number(kind, speakers):
    first, again, other = (make_minute(kind, "test", n, speakers) for n in (1, 1, 2))
    assert first.shape == (60 * RATE,)
    assert first.dtype == "float32"
    assert 0 < np.abs(first).max() <= 1
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    if kind != "silence":
        assert (first != make_minute(kind, "validation", 1, speakers)).any()


def test_the_shares_are_of_a_whole_hour():
    assert sum(SHARES.values()) == pytest.approx(1)
    assert SHARES["speech"] == 0.5


@pytest.mark.parametrize("kind", ["speech", "babble", "other_words"])
def test_voices_of_the_split_alone_speak_and_say_no_label(kind, speakers):
    for number in range(3):
        make_minute(kind, "test", number, speakers)
    said = speakers.synthesizer.said
    texts, voices = {text for text, _ in said}, {voice for _, voice in said}
    assert voices <= set(voices_of("test", VARIANTS))
    assert len(voices) > 10
    if kind == "other_words":
        assert not texts & {"bird", "seven"}
        assert {"cat", "two"} & texts
        assert {"sentence", "second"} & texts
        assert all(" " not in text for text in texts)
    else:
        assert texts == set(speakers.sentences)


def test_single_words_have_pauses_between_them(speakers):
    sound = make_minute("other_words", "test", 3, speakers)
    words = len(speakers.synthesizer.said)
    assert 20 < words < 60 / 0.3
    quiet = make_minute("silence", "test", 0, speakers)
    assert not quiet.any()
    assert sound.any()


def test_babble_is_several_voices_at_once(speakers):
    make_minute("babble", "test", 0, speakers)
    seconds = sum((1 + len(text)) / 15 for text, _ in speakers.synthesizer.said)
    assert 4 * 60 <= seconds < 8 * 60


def test_there_are_four_kinds_of_silence(speakers):
    zeros, dither, noise, constant = (
        make_minute("silence", "test", number, speakers) for number in range(4)
    )
    assert not zeros.any()
    assert set(np.unique(dither * 32768)) == {-1, 0, 1}
    assert 0 < np.sqrt(np.mean(np.square(noise))) <= 0.0051
    assert abs(np.mean(noise)) < 1e-3
    halves = np.median(constant[:100]), np.median(constant[-100:])
    assert max(np.abs(halves)) > 0.05
    assert halves[0] != pytest.approx(halves[1], abs=0.01)


@pytest.mark.parametrize("kind", ["music", "household"])
def test_sounds_without_speech_vary_in_level_and_over_time(kind, speakers):
    minutes = [make_minute(kind, "test", number, speakers) for number in range(4)]
    peaks = [np.abs(minute).max() for minute in minutes]
    assert max(peaks) > 1.5 * min(peaks)
    for minute in minutes:
        power = np.square(minute).reshape(240, -1).mean(axis=1)
        assert power.max() > 1.2 * np.median(power)
        assert np.count_nonzero(power) > 100
    assert not speakers.synthesizer.said
