"""Labels spoken by the training voices: what is added, and to which split."""

import ctypes.util
import platform

import numpy as np
import pytest

from apps.common.portable.audio import as_int16
from apps.speech_commands import sources
from apps.speech_commands.config import DataConfig
from apps.speech_commands.data import load_data
from apps.speech_commands.synthesis import spoken_labels
from apps.speech_commands.synthesis.sentences import as_words
from apps.speech_commands.synthesis.voices import all_voices, voices_of

RATE = 1000
LABELS = ("3", "up", "_unknown_")
VARIANTS = [f"voice{chr(97 + n)}{chr(97 + m)}" for n in range(26) for m in range(4)]
TONE = np.sin(np.arange(250)).astype("float32")


class Voices:
    """A synthesizer whose clips are as long as the text; notes texts and voices."""

    sample_rate_hz, variants = RATE, VARIANTS

    def __init__(self):
        self.said = []

    def say(self, text, voice, rate, pitch, pitch_range):
        self.said.append((text, voice))
        return np.full(10 * len(text), 16384, "int16")


@pytest.fixture
def voices(monkeypatch, tmp_path):
    """Makes the clips by `Voices`, in this process and an empty cache."""
    monkeypatch.setenv("CAROUSEL_CACHE", str(tmp_path))
    synthesizer = Voices()

    def make(words, count, path):
        path.parent.mkdir(exist_ok=True)
        spoken_labels.make(synthesizer, words, count, path)

    monkeypatch.setattr(spoken_labels, "_make_in_its_own_process", make)
    return synthesizer


@pytest.fixture
def recorded(monkeypatch):
    """A data set with one recording of each label in each split."""

    def rows(config, split):
        clips = ((f"{split} {label}", label, lambda: TONE) for label in LABELS)
        return sources.Rows(clips, 3)

    monkeypatch.setitem(sources.DATASETS, "folder", rows)
    return DataConfig(
        dataset="folder", synthetic_clips=4, sample_rate_hz=RATE, clip_ms=250
    )


def test_the_training_split_alone_has_clips_of_each_label_added(recorded, voices):
    data = load_data(recorded)
    assert data.labels == ["3", "_unknown_", "up"]
    assert data.train.labels.tolist() == [0, 2, 1, *[0] * 4, *[2] * 4]
    assert data.train.names[:3] == [f"train {label}" for label in LABELS]
    assert data.train.names[3].startswith("three en")
    for clip, length in ((3, 50), (7, 20)):  # of "three" and of "up", in the middle
        wave = data.train.waves[clip]
        begin = (250 - length) // 2
        expected = np.zeros(250, "float32")
        expected[begin : begin + length] = 1
        np.testing.assert_array_equal(wave, as_int16(expected))
    for name in ("validation", "test"):
        expected = [f"{name} {label}" for label in LABELS]
        assert getattr(data, name).names == expected


def test_only_training_voices_speak(recorded, voices):
    load_data(recorded, ("train",))
    texts = [text for text, _ in voices.said]
    assert texts == ["three"] * 4 + ["up"] * 4
    others = {*voices_of("validation", VARIANTS), *voices_of("test", VARIANTS)}
    known = set(all_voices("train", VARIANTS))
    assert {voice for _, voice in voices.said} <= known
    assert not known & others
    assert any("madeup" in voice for voice in known)


def test_the_clips_are_made_once(recorded, voices):
    first, again = (load_data(recorded, ("train",)).train.waves for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(voices.said) == 8


def test_a_bounded_number_of_clips_has_no_synthetic_ones(recorded, voices):
    data = load_data(recorded, ("train",), ["3", "_unknown_", "up"], max_clips=3)
    assert len(data.train.labels) == 3
    assert voices.said == []


def test_a_damaged_file_of_clips_is_named(recorded, voices):
    load_data(recorded, ("train",))
    path = spoken_labels.cached_at({"3": "three", "up": "up"}, 4)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf"{path.name}: the file is damaged .*Remove"):
        load_data(recorded, ("train",))


def test_without_espeak_ng_one_line_says_what_does_without(
    recorded, monkeypatch, tmp_path
):
    monkeypatch.setenv("CAROUSEL_CACHE", str(tmp_path))
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    message = r"needs eSpeak NG.*riscv64.*data\.synthetic_clips=0 does without\.$"
    with pytest.raises(ValueError, match=message):
        load_data(recorded, ("train",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="eSpeak NG's package is built for Linux on x86-64",
)
def test_the_clips_are_the_same_in_another_process(recorded, monkeypatch, tmp_path):
    waves = []
    for name in ("first", "again"):
        monkeypatch.setattr(
            spoken_labels, "cache_directory", lambda name=name: tmp_path / name
        )
        waves.append(load_data(recorded, ("train",)).train.waves)
    np.testing.assert_array_equal(*waves)
    assert (np.abs(waves[0][3:]).max(axis=1) > 8000).all()
    assert len(np.unique(waves[0][3:], axis=0)) == 8


def test_other_words_and_numbers_of_clips_have_another_place():
    settings = [({"3": "three"}, 4), ({"3": "drei"}, 4), ({"3": "three"}, 5)]
    assert len({spoken_labels.cached_at(*one) for one in settings}) == 3


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("3", "three"),
        ("Turn 3 off", "turn three off"),
        ("12", "12"),
        ("_unknown_", ""),
    ],
)
def test_a_digit_is_said_as_its_word(label, said):
    assert as_words(label) == said
