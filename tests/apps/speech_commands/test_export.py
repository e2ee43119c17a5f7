"""The served model: files' bytes, and the stream with its carry."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from apps.common.portable.audio import read_audio
from apps.speech_commands.predict import Predictor
from apps.speech_commands.streaming.session import Stream


@pytest.fixture(scope="module")
def served(finished_speech_run):
    version = finished_speech_run / "export" / "speech_commands" / "1"
    return tf.saved_model.load(str(version))


def bytes_of(wave, rate=8000, subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def test_bytes_of_files_are_answered_as_the_files_are(
    served, finished_speech_run, sound_files
):
    contents = [Path(file).read_bytes() for file in sound_files]
    outputs = served.signatures["wav"](wav_bytes=tf.constant(contents))
    own = Predictor.load(finished_speech_run).predict(sound_files)
    rows = zip(outputs["label"], outputs["probabilities"], own, strict=True)
    for label, row, answer in rows:
        assert label.numpy().decode() == answer["label"]
        expected = list(answer["probabilities"].values())
        np.testing.assert_allclose(row, expected, atol=1e-3)


def test_files_of_different_lengths_and_widths_go_together(served):
    rng = np.random.default_rng(0)
    files = [bytes_of(rng.normal(0, 0.1, count)) for count in (1, 800, 20_000)]
    files.append(bytes_of(rng.normal(0, 0.1, 900), subtype="PCM_24"))
    files.append(files[1][:-60])
    outputs = served.signatures["wav"](wav_bytes=tf.constant(files))
    assert np.isfinite(outputs["probabilities"]).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            bytes_of(np.zeros(100), rate=16000),
            "expected a sample rate of 8000",
        ),
        (bytes_of(np.zeros(100), subtype="FLOAT"), "expected PCM of 8, 16, 24 or 32"),
        (b"not sound", "RIFF"),
        (bytes_of(np.zeros(0)), "no sample"),
    ],
)
def test_other_files_are_refused(served, content, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served.signatures["wav"](wav_bytes=tf.constant([content]))


def test_a_sample_that_is_no_number_is_refused(served):
    wave = tf.constant([[0.0, np.nan] * 800], "float32")
    with pytest.raises(tf.errors.InvalidArgumentError, match="waveform"):
        served.signatures["serving_default"](waveform=wave)


def test_the_stream_carries_on_and_gives_what_a_stream_gives(
    served, finished_speech_run, sound_files
):
    predictor = Predictor.load(finished_speech_run)
    wave = read_audio(sound_files[0], 8000)
    parts = predictor.stream, predictor.front_end, predictor.labels
    expected, _ = Stream(*parts, smoothing_ms=0).feed(wave)
    stream = served.signatures["stream"]
    specs = stream.structured_input_signature[1]
    carry = {
        name: tf.zeros([1, *spec.shape[1:]])
        for name, spec in specs.items()
        if name != "samples"
    }
    assert set(carry) == {"audio", "scores", "h_1", "c_1", "h_2", "c_2"}
    rows = []
    for chunk in np.split(wave, [80, 400, 1200]):
        answer = stream(samples=tf.constant(chunk[np.newaxis]), **carry)
        rows.append(answer.pop("posteriors")[0])
        for name, value in predictor.detection.items():
            assert answer[name].numpy() == pytest.approx([value])
        assert all(answer[n].shape == v.shape for n, v in carry.items())
        carry = {name: answer[name] for name in carry}
    np.testing.assert_allclose(np.concatenate(rows), expected, atol=1e-4)


def test_a_chunk_that_is_no_multiple_of_the_hop_is_refused(served):
    stream = served.signatures["stream"]
    specs = stream.structured_input_signature[1]
    shapes = {n: [1, *s.shape[1:]] for n, s in specs.items()} | {"samples": [1, 81]}
    inputs = {name: tf.zeros(shape) for name, shape in shapes.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match="multiple of 80"):
        stream(**inputs)
