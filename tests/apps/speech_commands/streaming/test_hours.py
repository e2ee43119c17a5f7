"""Hours of sound: what is cached, made again or refused."""

import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps.common.portable.log_mel import LogMel
from apps.speech_commands.config import Config
from apps.speech_commands.streaming import hours
from apps.speech_commands.streaming.hours import background, frames_of

ROOT = Path(__file__).parents[4]
LABELS = ["_silence_", "yes"]


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Notes which minutes are made in an empty cache, and writes them as numbers."""
    requests = []

    def make(**request):
        requests.append(request)
        for kind, number in request["minutes"]:
            path = Path(request["directory"], f"{kind}-{number:04}.npy")
            np.save(path, np.full((5, 2), number, "float32"))

    monkeypatch.setenv("CAROUSEL_CACHE", str(tmp_path))
    monkeypatch.setattr(hours, "_make_in_its_own_process", make)
    return requests


def test_half_of_the_sound_is_speech_and_the_rest_has_equal_shares(made):
    files = background("test", 1.0, LABELS, Config())
    assert {kind: len(paths) for kind, paths in files.items()} == {
        **{"speech": 30, "other_words": 6, "babble": 6, "music": 6, "household": 6},
        "silence": 6,
    }
    few = background("test", 0.001, LABELS, Config())
    assert [len(paths) for paths in few.values()] == [1] * 6
    assert [path for paths in few.values() for path in paths] == [
        paths[0] for paths in files.values()
    ]


def test_what_is_there_is_not_made_again(made):
    background("test", 0.1, LABELS, Config())
    files = background("test", 0.2, LABELS, Config())
    assert len(made) == 2
    assert made[1]["minutes"] == [("speech", n) for n in (3, 4, 5)]
    files["music"][0].unlink()
    background("test", 0.2, LABELS, Config())
    assert made[2]["minutes"] == [("music", 0)]
    background("test", 0.2, LABELS, Config())
    assert len(made) == 3


def test_other_words_features_and_splits_have_other_places(made):
    config = Config()
    features = replace(config, features=replace(config.features, mel_bands=9))
    rate = replace(config, data=replace(config.data, sample_rate_hz=8000))
    every = [
        background(*arguments)["speech"][0].parent
        for arguments in (
            ("test", 0.1, LABELS, config),
            ("validation", 0.1, LABELS, config),
            ("test", 0.1, ["_silence_", "no"], config),
            ("test", 0.1, LABELS, features),
            ("test", 0.1, LABELS, rate),
        )
    ]
    assert len(set(every)) == 5
    same = background("test", 0.1, ["YES", "_unknown_"], config)["speech"][0].parent
    assert same == every[0]


def test_frames_come_in_batches_and_a_damaged_file_is_named(made, monkeypatch):
    monkeypatch.setattr(hours, "BATCH", 4)
    files = background("test", 0.2, LABELS, Config())["speech"]
    batches = list(frames_of(files))
    assert [batch.shape for batch in batches] == [(4, 5, 2), (2, 5, 2)]
    assert np.concatenate(batches)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    files[5].write_bytes(files[5].read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"speech-0005\.npy: the file is damaged"):
        list(frames_of(files))


def test_the_frames_are_those_of_the_sound_at_the_models_rate(tmp_path, monkeypatch):
    class Speakers:
        class synthesizer:  # noqa: N801
            sample_rate_hz = 16000

    sound = np.sin(2 * np.pi * 500 * np.arange(16000) / 16000).astype("float32")
    monkeypatch.setattr(hours, "make_minute", lambda *given: sound)
    front_end = LogMel(8000, 40.0, 20.0, 20)
    hours._write(tmp_path / "a.npy", "music", "test", 0, Speakers, front_end)
    frames = np.load(tmp_path / "a.npy")
    halved = np.sin(2 * np.pi * 500 * np.arange(8000) / 8000).astype("float32")
    expected = front_end(halved[np.newaxis])[0]
    assert frames.shape == expected.shape
    loud = expected > -2
    loud[:5] = loud[45:] = False
    np.testing.assert_allclose(frames[loud], expected[loud], atol=0.05)


@pytest.mark.slow
@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="eSpeak NG's package is built for Linux on x86-64",
)
def test_a_minute_is_the_same_whatever_was_said_before(
    wikipedia, packages, tmp_path, monkeypatch
):
    program = """
import sys
from apps.speech_commands.streaming import hours
features = dict(sample_rate_hz=8000, window_ms=40.0, hop_ms=20.0, mel_bands=8)
kinds = [["speech", 0], ["babble", 0], ["other_words", 0]]
said = "test", ["film"], ["en", "en-us"], features
hours.make(sys.argv[1], *said, kinds)
hours.make(sys.argv[2], *said, [["speech", 1], *kinds[::-1]])
"""
    folders = [tmp_path / name for name in ("first", "again")]
    for folder in folders:
        folder.mkdir()
    path = os.pathsep.join(map(str, (ROOT / "tests" / "pinned", ROOT)))
    subprocess.run(
        [sys.executable, "-c", program, *map(str, folders)],
        env={**os.environ, "PYTHONPATH": path, "CAROUSEL_XLA": "1"},
        check=True,
    )
    for kind in ("speech", "babble", "other_words"):
        first, again = ((f / f"{kind}-0000.npy").read_bytes() for f in folders)
        assert first == again
