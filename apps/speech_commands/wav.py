"""Decodes WAV files inside a graph, as `read_audio` reads them.

`apps.common.portable.wav` does the same without TensorFlow.
`tf.audio.decode_wav` knows neither padded chunks nor the headers that a recorder leaves
unfinished, and 16 bits only.
"""

import tensorflow as tf

from apps.common.portable.wav import CHUNK_NAME, EXTENSIBLE, MAX_CHUNKS, PCM


def decode_wav(content, sample_rate_hz):
    """Decodes a PCM WAV file of 8, 16, 24 or 32 bits.

    A header that a streaming program left unfinished says that there are no samples, or
    more than there are. Then the samples are the rest of the file.

    Args:
        content: Content of the file, a scalar string.
        sample_rate_hz: The expected sample rate.

    Returns:
        The mean of the channels, float32 `(samples,)` between -1 and 1.

    Raises:
        InvalidArgumentError: If it is no such file, or has no sample.
    """
    file = _File(content)
    place, _, form = _skip_chunks(file, 12, "data")  # after "RIFF", size and "WAVE"
    code, channels, rate_hz, bits = _format(file.text(form, 26))
    begin = place + 8
    # All that follows is defined for any header; the last line refuses wrong ones.
    channels, width = tf.maximum(channels, 1), tf.clip_by_value(bits // 8, 1, 4)
    frames = _data_length(file, begin) // (channels * width)
    data = tf.strings.substr(content, file.inside(begin), frames * channels * width)
    _check(
        (
            (file.text(0, 4) == "RIFF") & (file.text(8, 4) == "WAVE"),
            "expected a WAV file, which begins with RIFF and WAVE.",
        ),
        (
            (file.text(place, 4) == "data") & (form > 0),
            "expected a chunk fmt and then a chunk data.",
        ),
        (
            (code == PCM) & (bits == 8 * width),
            "expected PCM of 8, 16, 24 or 32 bits. Received: format "
            + tf.strings.as_string(code)
            + " of "
            + tf.strings.as_string(bits)
            + " bits.",
        ),
        (
            rate_hz == sample_rate_hz,
            f"expected a sample rate of {sample_rate_hz} Hz. Received: "
            + tf.strings.as_string(rate_hz)
            + " Hz.",
        ),
        (frames > 0, "the file has no sample."),
    )
    return tf.reduce_mean(_samples(data, channels, width), axis=1)


class _File:
    """Bytes of a file; none are beyond its end."""

    def __init__(self, content):
        self.content = content
        self.size = tf.cast(tf.strings.length(content), "int64")

    def inside(self, place):
        return tf.minimum(tf.cast(place, "int64"), self.size)

    def text(self, place, count):
        return tf.strings.substr(
            self.content, self.inside(place), tf.constant(count, "int64")
        )

    def length(self, place):
        """Returns an unsigned integer of 4 bytes; bytes beyond the end are 0."""
        octets = self.text(place, 4)
        return tf.squeeze(tf.io.decode_raw(octets, "int64", fixed_length=8))


def _skip_chunks(file, place, stop):
    """Skips chunks up to one with the name `stop`, or what is no chunk.

    Returns:
        The place of the next chunk; the end of the last chunk, without its padding; and
        the place of the content of the "fmt " chunk, or 0.
    """

    def is_skipped(place, end, form):
        name = file.text(place, 4)
        is_chunk = tf.strings.regex_full_match(name, CHUNK_NAME)
        return (place + 8 <= file.size) & is_chunk & (name != stop)

    def skip(place, end, form):
        form = tf.where(file.text(place, 4) == "fmt ", place + 8, form)
        end = place + 8 + file.length(place + 4)
        return end + end % 2, end, form

    place = tf.cast(place, "int64")
    start = place, place, tf.constant(0, "int64")
    return tf.while_loop(is_skipped, skip, start, maximum_iterations=MAX_CHUNKS)


def _format(content):
    """Returns format code, channels, sample rate and bits of a sample, int64."""
    words = tf.cast(tf.io.decode_raw(content, "uint16", fixed_length=26), "int64")
    code, channels, low, high, _, _, _, bits, _, _, _, _, subcode = tf.unstack(words)
    code = tf.where(code == EXTENSIBLE, subcode, code)
    return code, channels, low + 65536 * high, bits


def _data_length(file, begin):
    """Returns the number of bytes of samples in the "data" chunk.

    With the length 0 they are the rest of the file, unless that consists of chunks.
    """
    length, rest = file.length(begin - 4), tf.maximum(file.size - begin, 0)
    after, end, _ = _skip_chunks(file, tf.where(length == 0, begin, file.size), "")
    only_chunks = (after == file.size) | (end == file.size)
    unfinished = (length == 0) & ~only_chunks
    return tf.where(unfinished, rest, tf.minimum(length, rest))


def _samples(data, channels, width):
    """Converts little-endian integers of `width` bytes, `(samples, channels)`.

    Integers of 8 bits are unsigned, others signed.
    """
    shape = tf.stack([-1, channels, width])
    octets = tf.cast(tf.reshape(tf.io.decode_raw(data, "uint8"), shape), "float32")
    exponents = tf.range(width) - width + 1
    weights = tf.pow(256.0, tf.cast(exponents, "float32")) / 128
    unsigned = tf.reduce_sum(octets * weights, axis=-1)  # below 2
    if_signed = unsigned - 2 * tf.cast(unsigned >= 1, "float32")
    return tf.where(width == 1, unsigned - 1, if_signed)


def _check(*conditions):
    """Refuses the request with the message of the first condition that is false."""
    passed, messages = map(tf.stack, zip(*conditions, strict=True))
    first = tf.argmin(tf.cast(passed, "int32"))
    message = tf.strings.join(["wav_bytes: ", tf.gather(messages, first)])
    tf.debugging.Assert(tf.reduce_all(passed), [message])
