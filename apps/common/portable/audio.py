"""Audio files of any rate, width and number of channels, as mono waveforms."""

from pathlib import Path

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
    parts = list(audio_blocks(path, sample_rate_hz))
    waveform = np.concatenate(parts) if parts else np.zeros(0, "float32")
    if not len(waveform):
        raise ValueError(f"{path}: expected audio. Received: a file without a sample.")
    return waveform


def audio_blocks(path, sample_rate_hz, seconds=10):
    """Yields a file's mono waveform in blocks, float32 `(samples,)`, whatever its size.

    Args:
        path: As for `read_audio`, with the same errors.
        sample_rate_hz: Rate of the result.
        seconds: About so long is a block.
    """
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            resampler = None
            if rate != sample_rate_hz:
                resampler = soxr.ResampleStream(rate, sample_rate_hz, 1, "float32")
            size, place = seconds * rate, 0
            while True:
                block = file.read(size, dtype="float32", always_2d=True).mean(axis=1)
                last = len(block) < size
                check(block, path, place)
                place += len(block)
                yield resampler.resample_chunk(block, last) if resampler else block
                if last:
                    return
    except (soundfile.LibsndfileError, TypeError) as error:
        if not Path(path).exists():
            raise ValueError(f"{path}: there is no such file.") from None
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise ValueError(
            f"{path}: not audio that can be read ({reason}). Expected a WAV file, or "
            "FLAC, OGG or MP3."
        ) from None


def resample(waveform, rate, sample_rate_hz):
    """Returns a waveform at another rate, float32."""
    if rate == sample_rate_hz:
        return waveform
    return soxr.resample(waveform, rate, sample_rate_hz).astype("float32")


def faster(waveform, speed):
    """Returns a waveform `speed` times as fast, its pitch with it; quick, not clean."""
    if speed == 1:
        return waveform
    return soxr.resample(waveform, speed, 1.0, quality="QQ")


def placed(wave, shift, samples):
    """Returns `samples` samples of silence with a wave in it, later than the middle."""
    begin = (samples - len(wave)) // 2 + shift
    placed = np.zeros(samples, "float32")
    free = placed[max(begin, 0) :]
    wave = wave[max(-begin, 0) :][: len(free)]
    free[: len(wave)] = wave
    return placed


def check(waveform, name, place=0):
    """Returns a waveform, unless it has NaN or infinity in it.

    Args:
        waveform: `(samples,)`.
        name: What to call it in the message.
        place: Number of its first sample.

    Raises:
        ValueError: If it has.
    """
    if not np.isfinite(waveform).all():
        raise ValueError(
            f"{name}: expected samples that are numbers. Received: NaN or infinity, "
            f"first at sample {place + int(np.argmin(np.isfinite(waveform)))}."
        )
    return waveform


def as_int16(waveform):
    """Returns samples between -1 and 1 as 16-bit integers."""
    return np.round(np.clip(waveform, -1, 1) * 32767).astype("int16")


def as_float(samples):
    """Returns 16-bit integers as samples between -1 and 1, float32."""
    return samples.astype("float32") / np.float32(32767)
