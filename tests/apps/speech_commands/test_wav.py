"""WAV files with odd headers are heard alike in training and by the served model."""

import random
import re
import struct

import numpy as np
import pytest
import tensorflow as tf

from apps.common.portable import wav as portable
from apps.common.portable.audio import read_audio
from apps.common.portable.wav import MAX_CHUNKS
from apps.speech_commands.wav import decode_wav

SAMPLES = 100 * np.arange(1, 101, dtype="<i2")
DATA = SAMPLES.tobytes()
PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")
EXTENSION = struct.pack("<HHI", 22, 16, 0) + PCM_GUID


def form(channels=1, rate=8000, bits=16, code=1, more=b""):
    frame = channels * bits // 8
    fields = (code, channels, rate, rate * frame, frame, bits)
    return chunk(b"fmt ", struct.pack("<HHIIHH", *fields) + more)


def chunk(name, content, length=None):
    length = len(content) if length is None else length
    return name + struct.pack("<I", length) + content + b"\0" * (len(content) % 2)


def wav(*chunks):
    content = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def data(length=None, content=DATA):
    return chunk(b"data", content, length)


LIST = chunk(b"LIST", b"INFOabc")  # of odd size, and padded
READABLE = {
    "a padded odd chunk before the data": wav(form(), LIST, data()),
    "a padded odd chunk before the format": wav(LIST, form(), data()),
    "many chunks": wav(*[LIST] * 50, form(), *[LIST] * 50, data()),
    "length 0": wav(form(), data(0)),
    "length 0 after a padded odd chunk": wav(form(), LIST, data(0)),
    "length 0xFFFFFFFF": wav(form(), data(0xFFFFFFFF)),
    "length 0x80000000": wav(form(), data(0x80000000)),
    "a length beyond the end": wav(form(), data(1000)),
    "a truncated file": wav(form(), data())[:-60],
    "a truncated sample": wav(form(), data())[:-61],
    "an odd length": wav(form(), data(101)),
    "length 0 and silence": wav(form(), data(0, bytes(200))),
    "a size of 0": b"RIFF\0\0\0\0" + wav(form(), data(0))[8:],
    "a chunk after the data": wav(form(), data(), LIST),
    "a format of 18 bytes": wav(form(more=b"\0\0"), data()),
    "an extensible format": wav(form(code=0xFFFE, more=EXTENSION), data()),
    "an extensible format, length 0": wav(form(code=0xFFFE, more=EXTENSION), data(0)),
    "stereo": wav(form(2), data()),
    "stereo, truncated": wav(form(2), LIST, data())[:-2],
    "three channels of 24 bits": wav(form(3, bits=24), data()),
    "8 bits": wav(form(bits=8), data()),
    "8 bits, length 0": wav(form(bits=8), data(0)),
    "24 bits": wav(form(bits=24), data(0xFFFFFFFF)),
    "32 bits": wav(form(bits=32), data(0)),
}
REFUSED = {
    "no sample": (wav(form(), data(content=b"")), "the file has no sample"),
    "no sample, then an odd chunk": (wav(form(), data(content=b""), LIST), "no sample"),
    "no sample, then chunks": (wav(form(), data(0, b""), LIST, LIST), "no sample"),
    "no data": (wav(form(), LIST), "a chunk fmt and then a chunk data"),
    "no format": (wav(data()), "a chunk fmt and then a chunk data"),
    "nothing": (b"", "begins with RIFF and WAVE"),
    "text": (b"These are words.\n" * 50, "begins with RIFF and WAVE"),
    "only a head": (b"RIFF\0\0\0\0WAVE", "a chunk fmt and then a chunk data"),
}


REFUSAL = (tf.errors.InvalidArgumentError, ValueError)


@pytest.fixture(scope="module")
def by_graph():
    spec = tf.TensorSpec([], "string")

    @tf.function(autograph=False, input_signature=[spec])
    def decode(content):
        return decode_wav(content, 8000)

    return lambda content: decode(tf.constant(content)).numpy()


def by_numpy(content):
    return portable.decode_wav(content, 8000)


@pytest.fixture(params=["graph", "numpy"])
def decoded(request, by_graph):
    return by_graph if request.param == "graph" else by_numpy


@pytest.fixture
def trained_on(tmp_path):
    def read(content):
        (tmp_path / "a.wav").write_bytes(content)
        return read_audio(tmp_path / "a.wav", 8000)

    return read


@pytest.mark.parametrize("name", READABLE)
def test_what_is_there_is_read_as_in_training(name, decoded, trained_on):
    found = decoded(READABLE[name])
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, trained_on(READABLE[name]), atol=2e-7)


def test_all_samples_of_an_unfinished_file_are_read(decoded):
    for name in ("length 0", "length 0xFFFFFFFF", "length 0 after a padded odd chunk"):
        np.testing.assert_array_equal(decoded(READABLE[name]), SAMPLES / 32768)


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_samples_is_refused_as_in_training(name, decoded, trained_on):
    content, message = REFUSED[name]
    with pytest.raises(REFUSAL, match=f"wav_bytes: .*{message}"):
        decoded(content)
    with pytest.raises(ValueError, match=r"a\.wav: "):
        trained_on(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (wav(form(rate=16000), data()), "a sample rate of 8000 Hz. Received: 16000 Hz"),
        (wav(form(bits=32, code=3), data()), "Received: format 3 of 32 bits"),
        (wav(form(bits=8, code=6), data()), "Received: format 6 of 8 bits"),
        (wav(form(bits=64), data()), "Received: format 1 of 64 bits"),
        (wav(form(bits=12), data()), "Received: format 1 of 12 bits"),
        (wav(form(bits=0), data()), "Received: format 1 of 0 bits"),
        (wav(*[chunk(b"LIST", b"")] * 20 * MAX_CHUNKS, form(), data()), "a chunk fmt"),
    ],
)
def test_another_format_is_refused_in_words(content, message, decoded):
    with pytest.raises(REFUSAL, match=f"wav_bytes: .*{message}"):
        decoded(content)


def test_files_of_random_chunks_are_read_alike(decoded, trained_on):
    generator = random.Random(1926)
    for _ in range(60):
        channels, bits = generator.choice([1, 2]), generator.choice([8, 16, 24, 32])
        others = [
            chunk(b"note", generator.randbytes(generator.randrange(9)))
            for _ in range(generator.randrange(4))
        ]
        sound = generator.randbytes(generator.randrange(40, 90))
        length = generator.choice([None, 0, 30, 31, len(sound) + 1, 2**32 - 1])
        after = others[:1] if length is None else []
        header = form(channels, bits=bits)
        content = wav(*others, header, *others[1:], data(length, sound), *after)
        np.testing.assert_allclose(decoded(content), trained_on(content), atol=2e-7)


def outcome(decode, content):
    """Returns the samples, or the message of the refusal."""
    try:
        return decode(content)
    except REFUSAL as error:
        return re.search(r"wav_bytes: [^]\n]*", str(error))[0]


def assert_alike(by_graph, content):
    graph, numpy = outcome(by_graph, content), outcome(by_numpy, content)
    if isinstance(graph, str) or isinstance(numpy, str):
        assert graph == numpy
    else:
        np.testing.assert_allclose(numpy, graph, atol=2e-7)


def test_a_file_cut_anywhere_is_the_same_with_and_without_tensorflow(by_graph):
    content = wav(LIST, form(2, code=0xFFFE, more=EXTENSION), LIST, data(0, DATA[:9]))
    for size in range(len(content) + 1):
        assert_alike(by_graph, content[:size])


def test_a_damaged_header_is_the_same_with_and_without_tensorflow(by_graph):
    generator = random.Random(1926)
    files = [content for content in READABLE.values() if len(content) < 400]
    for _ in range(300):
        content = bytearray(generator.choice(files))
        for _ in range(generator.randrange(1, 4)):
            content[generator.randrange(60)] = generator.choice([0, 1, 8, 255])
        assert_alike(by_graph, bytes(content))


@pytest.mark.parametrize("count", [MAX_CHUNKS, MAX_CHUNKS + 1])
def test_both_search_equally_many_chunks(count, by_graph):
    few = [chunk(b"note", b"")] * (count - 1)
    assert_alike(by_graph, wav(*few, form(), data()))
    assert_alike(by_graph, wav(form(), data(0), *few, b"note"))
