"""A wake word: which recordings are in which split, and which are heard."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from apps.common.portable.terminal import report_once
from apps.speech_commands import sources
from apps.speech_commands.config import DataConfig
from apps.speech_commands.data import Clips, load_data
from apps.speech_commands.recordings import in_parts
from apps.speech_commands.streaming.heard import heard_by_origin, print_heard

RATE, WORD = 8000, "hey lucy"


def data_config(directory, word):
    return DataConfig(
        dataset="wake_word",
        directory=directory,
        word=word,
        sample_rate_hz=RATE,
        clip_ms=500,
    )


@pytest.fixture(autouse=True)
def voices(monkeypatch):
    """Ten clips of the word and ten others in each split, by no eSpeak NG."""

    def split(name, word, language, seconds, sample_rate_hz):
        assert (word, language, seconds, sample_rate_hz) == (WORD, "en", 0.5, RATE)
        wave = np.full(4000, 0.25, "float32")
        clips = [
            (f"voice {n}", label, wave.copy)
            for label in (word, "_unknown_")
            for n in range(10)
        ]
        return iter(clips), np.full(20, 10.0), np.zeros((2, 80000), "float32")

    monkeypatch.setattr(sources, "wake_word_split", split)


@pytest.fixture
def config():
    """Reads a folder of so many recordings, the nth of which has the level n / 100."""

    def config(folder, count):
        for n in range(1, count + 1):
            wave = np.zeros(4000)
            wave[1000:3000] = n / 20
            soundfile.write(folder / f"lucy_{n:02}.wav", wave, RATE)
        directory = str(folder) if count else ""
        return data_config(directory, WORD)

    return config


def test_every_fifth_recording_is_for_test_and_none_for_validation(config, tmp_path):
    data = load_data(config(tmp_path, 11))
    assert data.labels == ["_unknown_", WORD]
    own = {
        split: {name for name in getattr(data, split).names if name.startswith("lucy")}
        for split in ("train", "validation", "test")
    }
    assert own["test"] == {"lucy_05.wav", "lucy_10.wav"}
    assert own["validation"] == set()
    words = {name for name in own["train"] if not name.endswith("parts")}
    assert words == {f"lucy_{n:02}.wav" for n in range(1, 12) if n % 5}


def test_fewer_than_five_are_all_learnt_from_and_repeated(config, tmp_path):
    train = load_data(config(tmp_path, 3)).train
    words = train.labels == 1
    own = np.isinf(train.snr_db)
    assert np.sum(words & own) == 3 * round(10 / 3)
    assert np.sum(words & ~own) == 10
    assert np.sum(~words & own) == 3 * round(10 / 3)  # in parts
    assert {train.names[n] for n in np.flatnonzero(~words & own)} == {
        f"lucy_{n:02}.wav in parts" for n in (1, 2, 3)
    }


def test_a_recording_with_a_fault_is_named_once_and_used(config, tmp_path, capsys):
    report_once.cache_clear()
    settings = config(tmp_path, 2)
    soundfile.write(tmp_path / "lucy_01.wav", np.full(4000, 0.001), RATE)
    for _ in range(2):
        assert "lucy_01.wav" in load_data(settings).train.names
    line = f"{tmp_path / 'lucy_01.wav'}: too quiet (-60 dB, expected at least -40 dB): "
    (found,) = [x for x in capsys.readouterr().err.splitlines() if "lucy" in x]
    assert found.startswith(line)
    assert found.endswith(". It is used as it is.")


def test_without_recordings_the_voices_alone_are_there(config, tmp_path):
    data = load_data(config(tmp_path, 0))
    assert len(data.train.labels) == 20
    assert np.isfinite(data.train.snr_db).all()


def test_a_recording_in_parts_keeps_its_length_and_is_never_itself():
    wave = np.zeros(4000, "float32")
    wave[800:2400] = np.linspace(0.5, 0.9, 1600)
    for number in range(12):
        found = in_parts(wave.copy, number, RATE)
        assert found.shape == wave.shape
        assert not found[:800].any()
        assert not found[2400:].any()
        differs = found != wave
        assert differs.mean() > 0.15
        if number % 3 == 0:  # one half is silent, the other is as it was
            assert differs.sum() == 800
            assert not found[differs].any()
        else:
            np.testing.assert_array_equal(np.sort(found), np.sort(wave))


@pytest.mark.parametrize(
    ("directory", "word", "message"),
    [
        ("", " ", r'data\.word: expected the word, such as data\.word="hey lucy"'),
        ("none", WORD, r"data\.directory: expected a folder of recordings.*'none'"),
        (".", WORD, r"expected audio files, such as lucy_01\.wav\. Received: none"),
    ],
)
def test_a_wake_word_without_word_or_recordings_is_one_line(
    directory, word, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        load_data(data_config(directory, word))
    assert "\n" not in str(caught.value)


def test_recordings_and_voices_are_heard_apart(monkeypatch, capsys):
    clips = Clips(
        waves=np.zeros((6, 10), "int16"),
        labels=np.array([1, 1, 1, 0, 1, 1]),
        names=[""] * 6,
        snr_db=np.array([np.inf, np.inf, 5.0, 5.0, 5.0, 5.0]),
        noise=np.zeros((1, 10)),
    )
    hits = np.array([True, False, True, True, True, True])
    found = lambda predictor, given: (hits & (given.labels == 1), given.labels == 1)  # noqa: E731
    monkeypatch.setattr("apps.speech_commands.streaming.heard.heard", found)
    rows = heard_by_origin(SimpleNamespace(), clips)
    assert rows == {
        "recordings": {"words": 2, "heard": 1, "interval": [0.0126, 0.9874]},
        "voices": {"words": 3, "heard": 3, "interval": [0.2924, 1.0]},
    }
    print_heard(rows)
    rows["recordings"] = {"words": 0, "heard": 0, "interval": None}
    print_heard(rows)
    assert capsys.readouterr().out.splitlines() == [
        "Of your recordings left out 1 of 2 are heard in noise (95%: 1% to 99%).",
        "Of generated voices 3 of 3 are heard in noise (95%: 29% to 100%).",
        "Of your recordings left out none was tested: data.directory needs five "
        "recordings.",
        "Of generated voices 3 of 3 are heard in noise (95%: 29% to 100%).",
    ]
