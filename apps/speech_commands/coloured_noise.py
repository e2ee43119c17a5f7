"""Generates coloured noise with NumPy."""

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
