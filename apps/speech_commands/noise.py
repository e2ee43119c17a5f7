"""Generates noise and adds it to speech at a given signal-to-noise ratio."""

import numpy as np

LEVEL = 0.05  # root mean square of a noise; 1 is full scale


def coloured_noise(rng, samples, exponent):
    """Generates noise whose power is proportional to 1 / frequency ** exponent.

    Args:
        rng: A NumPy generator.
        samples: Number of samples.
        exponent: 0 gives white noise, 1 pink, 2 brown.
    """
    spectrum = np.fft.rfft(rng.normal(size=samples))
    frequency = np.arange(len(spectrum)) + 1.0
    return level(np.fft.irfft(spectrum * frequency ** (-exponent / 2), samples))


def level(noise):
    """Scales a noise to the root mean square `LEVEL`, float32."""
    rms = np.sqrt(np.mean(np.square(noise)))
    return (noise * (LEVEL / max(rms, 1e-9))).astype("float32")


def noise_bank(seed, count, samples):
    """Generates `count` coloured noises, float32 `(count, samples)`."""
    rng = np.random.default_rng(seed)
    return np.stack(
        [coloured_noise(rng, samples, rng.uniform(0, 2)) for _ in range(count)]
    )


def noise_places(rng, count, noise, samples):
    """Draws the noise of each of `count` clips, and its first sample in that noise."""
    rows = rng.integers(len(noise), size=count)
    return rows, rng.integers(noise.shape[1] - samples + 1, size=count)


def add_noise(speech, noise, snr_db, places):
    """Adds a stretch of noise to each clip.

    The signal-to-noise ratio compares the mean powers over the clip; digital silence
    gets no noise. A sum that exceeds -1 to 1 is scaled down.

    Args:
        speech: float32 `(clips, samples)`.
        noise: float32 `(noises, at least samples)`.
        snr_db: Signal-to-noise ratio of each clip in dB, `(clips,)`; infinity adds no
            noise.
        places: Noises and first samples of `noise_places`.
    """
    samples = speech.shape[1]
    mixed = np.empty_like(speech)
    for row, (number, start) in enumerate(zip(*places, strict=True)):
        mixed[row] = noise[number, start : start + samples]
    power, noise_power = (np.einsum("ij,ij->i", x, x) for x in (speech, mixed))
    wanted = power * 10 ** (-np.asarray(snr_db, "float64") / 10)
    factor = np.sqrt(wanted / np.maximum(noise_power, 1e-9)).astype("float32")
    mixed *= factor[:, np.newaxis]
    mixed += speech
    peak = np.maximum(mixed.max(axis=1), -mixed.min(axis=1))
    loud = peak > 1
    mixed[loud] /= peak[loud, np.newaxis]
    return mixed
