"""Decodes WAV files with NumPy, as `apps.speech_commands.wav` does inside a graph."""

import re
import struct
from itertools import islice

import numpy as np

MAX_CHUNKS = 1000  # chunks after these are not searched
PCM, EXTENSIBLE = 1, 0xFFFE  # format codes; the second is followed by another one
CHUNK_NAME = "[ -~]{4}"  # printable ASCII, as libsndfile has it
FORMAT = struct.Struct("<HHI6xH8xH")  # code, channels, sample rate, bits, subcode


def chunks(content, place):
    """Yields place, name and length of each chunk of a RIFF file, from a place on.

    Samples that follow are no chunks: their names are not printable ASCII.
    """
    is_name = re.compile(CHUNK_NAME.encode()).fullmatch
    while place + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, place)
        if not is_name(name):
            return
        yield place, name, length
        place += 8 + length + length % 2


def decode_wav(content, sample_rate_hz):
    """Decodes a PCM WAV file of 8, 16, 24 or 32 bits.

    A header that a streaming program left unfinished says that there are no samples, or
    more than there are. Then the samples are the rest of the file.

    Args:
        content: Content of the file, bytes.
        sample_rate_hz: The expected sample rate.

    Returns:
        The mean of the channels, float32 `(samples,)` between -1 and 1.

    Raises:
        ValueError: If it is no such file, or has no sample.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise _refusal("expected a WAV file, which begins with RIFF and WAVE.")
    place, _, form = _skip_chunks(content, 12, b"data")  # after "RIFF", size, "WAVE"
    if not form or content[place : place + 4] != b"data":
        raise _refusal("expected a chunk fmt and then a chunk data.")
    code, channels, rate_hz, bits, subcode = FORMAT.unpack(
        content[form : form + FORMAT.size].ljust(FORMAT.size, b"\0")
    )
    code = subcode if code == EXTENSIBLE else code
    if code != PCM or bits not in (8, 16, 24, 32):
        raise _refusal(
            "expected PCM of 8, 16, 24 or 32 bits. Received: "
            f"format {code} of {bits} bits."
        )
    if rate_hz != sample_rate_hz:
        raise _refusal(
            f"expected a sample rate of {sample_rate_hz} Hz. Received: {rate_hz} Hz."
        )
    channels, width, begin = max(channels, 1), bits // 8, place + 8
    frames = _data_length(content, begin) // (channels * width)
    if not frames:
        raise _refusal("the file has no sample.")
    octets = np.frombuffer(content, "uint8", frames * channels * width, begin)
    return _samples(octets.reshape(frames, channels, width)).mean(axis=1)


def _refusal(message):
    return ValueError(f"wav_bytes: {message}")


def _skip_chunks(content, place, stop):
    """Skips chunks up to one with the name `stop`, or what is no chunk.

    Returns:
        The place of the next chunk; the end of the last chunk, without its padding; and
        the place of the content of the "fmt " chunk, or 0.
    """
    end, form = place, 0
    for _, name, length in islice(chunks(content, place), MAX_CHUNKS):
        if name == stop:
            break
        form = place + 8 if name == b"fmt " else form
        end = place + 8 + length
        place = end + end % 2
    return place, end, form


def _data_length(content, begin):
    """Returns the number of bytes of samples in the "data" chunk.

    With the length 0 they are the rest of the file, unless that consists of chunks.
    """
    length = int.from_bytes(content[begin - 4 : begin], "little")
    rest = max(len(content) - begin, 0)
    if length:
        return min(length, rest)
    after, end, _ = _skip_chunks(content, begin, b"")
    return 0 if len(content) in (after, end) else rest


def _samples(octets):
    """Converts little-endian integers `(samples, channels, width)` to float32.

    Integers of 8 bits are unsigned, others signed.
    """
    width = octets.shape[-1]
    upper = np.zeros((*octets.shape[:2], 4), "uint8")
    upper[..., 4 - width :] = octets ^ np.uint8(128) if width == 1 else octets
    return upper.view("<i4")[..., 0].astype("float32") / np.float32(2**31)
