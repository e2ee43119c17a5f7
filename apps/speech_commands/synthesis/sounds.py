"""Makes sounds in which nobody speaks: music, a household, silence of several kinds."""

import numpy as np

from apps.speech_commands.coloured_noise import LEVEL, coloured_noise, level

SCALE = (0, 2, 4, 5, 7, 9, 11)  # semitones of a major scale
QUIETEST_DB, LOUDEST_DB = -30.0, -3.0  # peak of music and of a household


def music(rng, samples, rate_hz, number):
    """Makes chords, plucked notes and percussion, in a random tempo and key."""
    sound = np.zeros(samples, "float32")
    beat = 60 / rng.uniform(60, 160)
    key_hz = 220 * 2 ** (rng.integers(-12, 8) / 12)
    parts = rng.random(3) < 0.7  # chords, notes, percussion
    if not parts.any():
        parts[:] = True
    for count, begin in enumerate(np.arange(0, samples / rate_hz, beat)):
        place = int(begin * rate_hz)
        if parts[0] and count % 2 == 0:
            root = rng.integers(len(SCALE))
            for step in (0, 2, 4):
                note = _note(rng, _hertz(key_hz, root + step), 2 * beat, rate_hz, False)
                _add(sound, place, note)
        if parts[1] and rng.random() < 0.8:
            hertz = _hertz(2 * key_hz, rng.integers(2 * len(SCALE)))
            _add(sound, place, _note(rng, hertz, beat, rate_hz, True))
        if parts[2]:
            _add(sound, place, _drum(rng, count % 4 == 0, rate_hz))
    return _at_random_peak(rng, sound)


def household(rng, samples, rate_hz, number):
    """Makes hum, a fan or running water, and clicks, knocks, slams and beeps."""
    time = np.arange(samples, dtype="float32") / rate_hz
    steady = rng.integers(3)
    if steady == 0:
        mains = rng.choice([50.0, 60.0])
        sound = sum(
            rng.random() / n * np.sin(2 * np.pi * mains * n * time + rng.uniform(0, 6))
            for n in range(1, 9)
        )
    elif steady == 1:
        sound = coloured_noise(rng, samples, rng.uniform(1, 2))
        sound *= 1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.05, 1) * time)
    else:
        slow = np.interp(time, np.arange(0, 61, 0.1), rng.random(610) ** 2)
        sound = coloured_noise(rng, samples, rng.uniform(0, 1)) * (0.3 + slow)
    sound = level(sound) * rng.uniform(0.02, 1)
    place = int(rng.uniform(0, 2) * rate_hz)
    while place < samples:
        event = _event(rng, rate_hz)
        _add(sound, place, LEVEL * 10 ** (rng.uniform(0, 25) / 20) * event)
        place += len(event) + int(rng.uniform(0.3, 4) * rate_hz)
    return _at_random_peak(rng, sound)


def silence(rng, samples, rate_hz, number):
    """Makes one of four kinds of silence, in turn.

    They are zeros, one bit of dither, faint noise, and a constant that jumps.
    """
    kind = number % 4
    if kind == 0:
        return np.zeros(samples, "float32")
    if kind == 1:
        return (rng.integers(-1, 2, samples) / 32768).astype("float32")
    noise = coloured_noise(rng, samples, rng.uniform(0, 2))
    noise *= np.float32(10 ** (rng.uniform(-60, -20) / 20))
    if kind == 3:
        place = rng.integers(samples)
        noise[:place] += np.float32(rng.uniform(-0.5, 0.5))
        noise[place:] += np.float32(rng.uniform(-0.5, 0.5))
    return noise


def _hertz(key_hz, step):
    octave, degree = divmod(int(step), len(SCALE))
    return key_hz * 2 ** (octave + SCALE[degree] / 12)


def _note(rng, hertz, seconds, rate_hz, plucked):
    """Returns a tone with harmonics; one that is plucked decays."""
    time = np.arange(int(seconds * rate_hz), dtype="float32") / np.float32(rate_hz)
    harmonics = range(1, 1 + min(6, int(rate_hz / 2 / hertz)))
    power = rng.uniform(1, 2)
    tone = sum(np.sin(2 * np.pi * hertz * n * time) / n**power for n in harmonics)
    rise = np.minimum(1, time / (0.005 if plucked else 0.05))
    fall = np.exp(-time * (4 if plucked else 0.5))
    return tone * rise * fall * np.minimum(1, (seconds - time) / 0.02)


def _drum(rng, low, rate_hz):
    """Returns a bass drum, or a burst of noise."""
    time = np.arange(int(0.2 * rate_hz)) / rate_hz
    if low:
        return 2 * np.sin(2 * np.pi * (50 * time + 3 * (1 - np.exp(-30 * time))))
    return rng.normal(size=len(time)) * np.exp(-time * rng.uniform(20, 60))


def _event(rng, rate_hz):
    """Returns a click, knocks, a slam or beeps, with a peak of about 1."""
    kind = rng.integers(4)
    if kind == 0:
        return rng.normal(size=int(rng.uniform(0.001, 0.01) * rate_hz))
    time = np.arange(int(0.3 * rate_hz)) / rate_hz
    if kind == 1:
        hertz, decay = rng.uniform(80, 600), rng.uniform(20, 60)
        one = np.sin(2 * np.pi * hertz * time) * np.exp(-decay * time)
    elif kind == 2:
        burst = coloured_noise(rng, len(time), 2) / LEVEL
        return burst * np.exp(-time * rng.uniform(8, 20))
    else:
        length = rng.uniform(0.05, 0.3)
        one = np.sin(2 * np.pi * rng.uniform(600, 3500) * time) * (time < length)
    return np.tile(one, rng.integers(1, 5))


def _add(sound, place, part):
    part = part[: len(sound) - place]
    sound[place : place + len(part)] += part


def _at_random_peak(rng, sound):
    """Scales a sound to a random peak, float32."""
    peak = 10 ** (rng.uniform(QUIETEST_DB, LOUDEST_DB) / 20)
    return (sound * (peak / max(np.abs(sound).max(), 1e-9))).astype("float32")
