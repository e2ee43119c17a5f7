"""Checks and scales audio samples; needs NumPy alone."""

import numpy as np

# Decoders of compressed audio overshoot 1 a little; a wrong scale is far beyond.
MAX_PEAK = 1.5


def as_samples(samples, name, place=0):
    """Returns float32 samples between -1 and 1; integers are scaled by their type.

    Args:
        samples: `(samples,)`, floats between -1 and 1, or integers.
        name: Name of the samples in messages.
        place: Number of the first sample, for messages.

    Raises:
        ValueError: If the samples are not one-dimensional numbers, if one is NaN or
            infinite, or if floats are far beyond -1 to 1.
    """
    samples = np.asarray(samples)
    kind = samples.dtype.kind
    if samples.ndim != 1 or kind not in "iuf":
        raise ValueError(
            f"{name}: expected samples of shape (samples,), floats between -1 and 1 or "
            f"integers. Received: {samples.dtype} {samples.shape}."
        )
    if kind in "iu" and samples.dtype.itemsize > 4:
        raise ValueError(
            f"{name}: expected integers of 8, 16 or 32 bits, whose type is their "
            f"scale. Received: {samples.dtype}. Give int16, or floats between -1 and 1."
        )
    if kind == "i":
        return (samples / -float(np.iinfo(samples.dtype).min)).astype("float32")
    if kind == "u":
        middle = (float(np.iinfo(samples.dtype).max) + 1) / 2
        return (samples / middle - 1).astype("float32")
    if not np.isfinite(samples).all():
        raise ValueError(
            f"{name}: expected finite samples. Received: NaN or infinity, first at "
            f"sample {place + int(np.argmin(np.isfinite(samples)))}."
        )
    if len(samples) and (peak := float(np.abs(samples).max())) > MAX_PEAK:
        raise ValueError(
            f"{name}: expected samples between -1 and 1. Received: {peak:g} at sample "
            f"{place + int(np.abs(samples).argmax())}. Divide by the full scale, which "
            "is 32768 for 16 bits."
        )
    return samples.astype("float32", copy=False)
