"""Reads audio files of any rate, sample width and number of channels as mono."""

import io
import struct
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr

from apps.common.portable.samples import as_samples
from apps.common.portable.wav import chunks

# Suffixes of the formats that libsndfile reads and that people use.
SUFFIXES = (".wav", ".wave", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au")


def read_audio(path, sample_rate_hz):
    """Returns a file's mono waveform, float32 `(samples,)` between -1 and 1.

    Channels are averaged; a file with another sample rate is resampled.

    Args:
        path: WAV file, or any other format that libsndfile reads.
        sample_rate_hz: Sample rate of the result.

    Raises:
        ValueError: If the file is missing, is not audio, or has no samples.
    """
    parts = list(audio_blocks(path, sample_rate_hz))
    waveform = np.concatenate(parts) if parts else np.zeros(0, "float32")
    if not len(waveform):
        raise ValueError(f"{path}: expected audio. Received: a file without samples.")
    return waveform


def audio_blocks(path, sample_rate_hz, seconds=10):
    """Yields a file's mono waveform in blocks, float32 `(samples,)`.

    Memory does not grow with the size of the file, unless its header is unfinished.

    Args:
        path: As for `read_audio`.
        sample_rate_hz: Sample rate of the result.
        seconds: Approximate length of a block.

    Raises:
        ValueError: If the file is missing or is not audio, or if a sample is not finite
            or far beyond -1 to 1.
    """
    try:
        with _sound_file(path) as file:
            rate = file.samplerate
            resampler = None
            if rate != sample_rate_hz:
                resampler = soxr.ResampleStream(rate, sample_rate_hz, 1, "float32")
            size, place = seconds * rate, 0
            while True:
                block = file.read(size, dtype="float32", always_2d=True).mean(axis=1)
                last = len(block) < size
                block = as_samples(block, path, place)
                place += len(block)
                yield resampler.resample_chunk(block, last) if resampler else block
                if last:
                    return
    except (soundfile.LibsndfileError, TypeError) as error:
        if not Path(path).exists():
            raise ValueError(f"{path}: there is no such file.") from None
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise ValueError(
            f"{path}: not audio in a known format ({reason}). Give a WAV, FLAC, OGG or "
            "MP3 file."
        ) from None


@contextmanager
def _sound_file(path):
    """Opens a sound file.

    Recorders that stream write a WAV header whose data has the length 0, and some never
    correct it: the data is then the rest of the file, which is read into memory.
    """
    with soundfile.SoundFile(path) as file:
        if file.frames or file.format not in ("WAV", "WAVEX"):
            yield file
            return
    content = bytearray(Path(path).read_bytes())
    _set_data_length(content)
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        yield file


def _set_data_length(content):
    """Corrects the length of the data of an unfinished WAV file, in place."""
    for place, name, length in chunks(content, 12):  # after "RIFF", size and "WAVE"
        if name != b"data" or length:
            continue
        begin = place + 8
        ends = [at + 8 + size for at, _, size in chunks(content, begin)]
        padded = [end + end % 2 for end in ends]
        if len(content) not in (begin, *ends, *padded):  # what follows is sound
            rest = min(len(content) - begin, 2**32 - 1)
            content[place + 4 : begin] = struct.pack("<I", rest)
        return


def resample(waveform, rate, sample_rate_hz):
    """Returns a waveform resampled to `sample_rate_hz`, float32."""
    if rate == sample_rate_hz:
        return waveform
    return soxr.resample(waveform, rate, sample_rate_hz).astype("float32")


def as_int16(waveform):
    """Converts samples between -1 and 1 to 16-bit integers; clips others."""
    return np.round(np.clip(waveform, -1, 1) * 32767).astype("int16")


def as_float(samples):
    """Converts 16-bit integers to float32 samples between -1 and 1."""
    return samples.astype("float32") / np.float32(32767)
