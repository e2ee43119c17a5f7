"""Noise: its ratio to speech, its colour."""

import numpy as np
import pytest

from apps.speech_commands.coloured_noise import LEVEL, coloured_noise, noise_bank
from apps.speech_commands.noise import add_noise, noise_places


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_the_ratio_of_the_powers_is_the_one_asked_for(rng):
    speech = rng.normal(0, 0.01, (4, 5000)).astype("float32")
    noise = noise_bank(1, 3, 9000)
    wanted = np.array([0.0, 5.0, 20.0, np.inf])
    places = noise_places(rng, 4, noise, 5000)
    mixed, factor = add_noise(speech, noise, wanted, places)
    added = mixed.numpy() - speech
    powers = np.mean(np.square(speech), 1), np.mean(np.square(added), 1)
    snr_db = 10 * np.log10(powers[0][:3] / powers[1][:3])
    np.testing.assert_allclose(snr_db, wanted[:3], atol=0.01)
    np.testing.assert_array_equal(added[3], 0)
    stretch = noise[places[0][1], places[1][1] : places[1][1] + 5000]
    np.testing.assert_allclose(added[1], factor[1] * stretch, atol=1e-6)


def test_silence_stays_and_nothing_leaves_full_scale(rng):
    speech = np.stack([np.zeros(500), np.ones(500)]).astype("float32")
    noise = noise_bank(1, 2, 600)
    places = noise_places(rng, 2, noise, 500)
    mixed = add_noise(speech, noise, [0.0, 0.0], places)[0].numpy()
    np.testing.assert_array_equal(mixed[0], 0)
    assert np.abs(mixed).max() <= 1


@pytest.mark.parametrize("exponent", [0, 1, 2])
def test_the_colour_is_the_slope_of_the_spectrum(rng, exponent):
    noise = coloured_noise(rng, 2**16, exponent)
    assert np.sqrt(np.mean(np.square(noise))) == pytest.approx(LEVEL, rel=1e-3)
    power = np.abs(np.fft.rfft(noise)) ** 2
    octaves = [np.mean(power[2**n : 2 ** (n + 1)]) for n in range(6, 14)]
    slope = np.polyfit(np.arange(8) * np.log(2), np.log(octaves), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.1)


def test_the_same_seed_makes_the_same_noises():
    np.testing.assert_array_equal(noise_bank(3, 2, 400), noise_bank(3, 2, 400))
    assert (noise_bank(3, 2, 400) != noise_bank(4, 2, 400)).any()
