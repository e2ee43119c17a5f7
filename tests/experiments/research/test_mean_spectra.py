"""The regression on mean spectra: it distinguishes pitches, not their order."""

from dataclasses import replace

import numpy as np
import pytest

from apps.speech_commands.data import load_data
from apps.speech_commands.features import LogMel
from experiments.research.mean_spectra import accuracy, spectra


@pytest.fixture
def front_end():
    return LogMel(8000, window_ms=20.0, hop_ms=10.0, mel_bands=8)


def test_pitches_are_told_apart(speech_config, front_end):
    data = load_data(speech_config.data)
    assert accuracy(data.train, data.test, front_end) == 1


def test_the_order_of_sounds_is_not(speech_config, front_end):
    clips = load_data(speech_config.data, ("train",)).train
    backwards = replace(clips, waves=np.ascontiguousarray(clips.waves[:, ::-1]))
    forwards, reversed_ = spectra(clips, front_end), spectra(backwards, front_end)
    assert np.abs(forwards - reversed_).max() < 0.5  # the first frames differ
    assert np.ptp(forwards, axis=0).max() > 3
