"""The regression on mean spectra: it distinguishes pitches, not their order."""

from dataclasses import replace

import numpy as np
import pytest

from apps.speech_commands import baseline, sources
from apps.speech_commands.baseline import mean_spectra, measure_baseline
from apps.speech_commands.data import load_data
from apps.speech_commands.features import LogMel
from apps.speech_commands.sources import Rows

LABELS = ["high", "low", "middle"]


@pytest.fixture
def front_end():
    return LogMel(8000, window_ms=20.0, hop_ms=10.0, mel_bands=8)


def test_pitches_are_told_apart(speech_config, front_end):
    config = speech_config.data
    test = load_data(config, ("test",), LABELS).test
    found = measure_baseline(config, test, LABELS, front_end)
    assert (found["accuracy"], found["f1"]) == (1, 1)
    turned = replace(test, labels=(test.labels + 1) % 3)
    assert measure_baseline(config, turned, LABELS, front_end)["accuracy"] == 0


def test_the_order_of_sounds_is_not(speech_config, front_end):
    clips = load_data(speech_config.data, ("train",)).train
    backwards = replace(clips, waves=np.ascontiguousarray(clips.waves[:, ::-1]))
    forwards, reversed_ = (mean_spectra(c, front_end) for c in (clips, backwards))
    assert np.abs(forwards - reversed_).max() < 0.5  # the first frames differ
    assert np.ptp(forwards, axis=0).max() > 3


def test_of_many_clips_it_takes_some_of_each_label(
    speech_config, front_end, monkeypatch
):
    monkeypatch.setattr(baseline, "MAX_CLIPS", 20)
    test = load_data(speech_config.data, ("test",), LABELS).test
    found = measure_baseline(speech_config.data, test, LABELS, front_end)
    assert found["name"] == "mean spectra, logistic regression on 20 clips"
    assert found["accuracy"] > 0.9


def test_only_the_clips_of_the_sample_are_read(speech_config, monkeypatch):
    read, own = [], sources.read_audio
    monkeypatch.setattr(
        sources, "read_audio", lambda path, rate: read.append(path) or own(path, rate)
    )
    load_data(speech_config.data, ("train",), LABELS, 7)
    assert len(read) == 7


def test_clips_that_are_left_out_take_their_noise_with_them():
    rows = Rows(iter(enumerate("abcdefgh")), 8, list(range(8)), "noise")
    part = rows.at_most(3)
    numbers = [number for number, _ in part.clips]
    assert numbers == part.snr_db.tolist() == sorted(numbers)
    assert (part.count, len(numbers), part.noise) == (3, 3, "noise")
    assert rows.at_most(8) is rows.at_most(None) is rows
    unknown = Rows(iter("ab"), None)
    assert unknown.at_most(1) is unknown
