"""Audio files of any rate, width and number of channels, as mono waveforms."""

import numpy as np
import soundfile
import soxr


def read_audio(path, sample_rate_hz):
    """Returns a file's mono waveform, float32 `(samples,)` between -1 and 1.

    Channels are averaged; another rate is resampled.

    Args:
        path: A WAV file, or any other that libsndfile reads.
        sample_rate_hz: Rate of the result.

    Raises:
        ValueError: If the file holds no audio that can be read.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"{path}: not audio that can be read ({error.error_string.rstrip('.')}). "
            "Expected a WAV file, or FLAC, OGG or MP3."
        ) from None
    if not len(samples):
        raise ValueError(f"{path}: expected audio. Received: a file without a sample.")
    return check(resample(samples.mean(axis=1), rate, sample_rate_hz), path)


def resample(waveform, rate, sample_rate_hz):
    """Returns a waveform at another rate, float32."""
    if rate == sample_rate_hz:
        return waveform
    return soxr.resample(waveform, rate, sample_rate_hz).astype("float32")


def check(waveform, name):
    """Returns a waveform, unless it has NaN or infinity in it.

    Raises:
        ValueError: If it has.
    """
    if not np.isfinite(waveform).all():
        raise ValueError(
            f"{name}: expected samples that are numbers. Received: NaN or infinity, "
            f"first at sample {int(np.argmin(np.isfinite(waveform)))}."
        )
    return waveform


def as_int16(waveform):
    """Returns samples between -1 and 1 as 16-bit integers."""
    return np.round(np.clip(waveform, -1, 1) * 32767).astype("int16")


def as_float(samples):
    """Returns 16-bit integers as samples between -1 and 1, float32."""
    return samples.astype("float32") / np.float32(32767)
