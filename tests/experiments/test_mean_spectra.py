"""The regression on mean spectra: it tells pitches apart, and no order."""

from dataclasses import replace

import numpy as np
import pytest

from apps.speech_commands.data import load_data
from apps.speech_commands.features import LogMel
from experiments.mean_spectra import accuracy


@pytest.fixture
def front_end():
    return LogMel(8000, window_ms=20.0, hop_ms=10.0, mel_bands=8)


def test_pitches_are_told_apart(speech_config, front_end):
    data = load_data(speech_config.data)
    assert accuracy(data.train, data.test, front_end) == 1


def test_the_order_of_sounds_is_not(speech_config, front_end):
    data = load_data(speech_config.data)
    low, high = (data.train.waves[data.train.labels == n][:40] for n in (1, 0))
    half = low.shape[1] // 2
    rising = np.concatenate([low[:, :half], high[:, :half]], axis=1)
    falling = np.concatenate([high[:, :half], low[:, :half]], axis=1)
    clips = replace(
        data.train,
        waves=np.concatenate([rising, falling]),
        labels=np.repeat([0, 1], len(rising)).astype("int32"),
        snr_db=np.full(2 * len(rising), np.inf),
    )
    order = np.random.default_rng(0).permutation(len(clips.labels))
    pick = lambda part: replace(  # noqa: E731
        clips,
        waves=clips.waves[part],
        labels=clips.labels[part],
        snr_db=clips.snr_db[part],
    )
    half = len(order) // 2
    assert accuracy(pick(order[:half]), pick(order[half:]), front_end) < 0.8
