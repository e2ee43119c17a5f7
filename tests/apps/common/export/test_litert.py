"""LiteRT files have fused LSTMs that carry their state, and answer as the model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common.export.litert import trial
from apps.common.export.litert.export import write_litert
from apps.common.export.litert.graphs import DeviceGraph, DeviceInputs, network_of
from apps.common.portable.litert import (
    Network,
    load_network,
    read_description,
    read_labels,
)
from apps.language_modeling.export import device_inputs as token_inputs
from apps.language_modeling.predict import Predictor as LanguagePredictor
from apps.sentiment.export import device_inputs as text_inputs
from apps.sentiment.predict import Predictor as SentimentPredictor
from apps.speech_commands.export import device_inputs as sound_inputs
from lstm_layer import LSTM
from tests.litert_converter import Counter

OPERATION = "UNIDIRECTIONAL_SEQUENCE_LSTM"


@pytest.fixture
def clips(speech):
    """Log-mel frames of two clips, each `(1, frames, bands)`."""
    return sound_inputs(speech).examples[:2]


def test_each_lstm_of_a_file_is_one_operation(speech_device_files):
    for path in speech_device_files.glob("*.tflite"):
        operations = Network(path.read_bytes(), path).operations
        assert operations.count(OPERATION) == 2
        assert "WHILE" not in operations


def test_a_clip_is_answered_as_by_the_model(speech_device_files, speech, clips):
    network = load_network(speech_device_files, "clip")
    model = network_of(speech, speech.device_graphs()["clip"])
    for clip in clips:
        network.reset()
        expected = model(clip)["logits"]
        np.testing.assert_allclose(network(clip), expected, atol=1e-4)


def test_a_cell_state_above_10_is_not_clipped(tmp_path, converter):
    up_and_down = np.repeat([1.0, -1.0], [20, 35]).astype("float32")[None, :, None]
    inputs = DeviceInputs([up_and_down], [up_and_down] * 2, [up_and_down], [0])
    predictor = Counter()
    write_litert(tmp_path, predictor, lambda predictor: inputs)
    expected = predictor.model(up_and_down)
    assert np.min(expected[0, 33]) > 0.7  # clipped at 10 it would be below 0
    for name in ("count", "count_dynamic", "count_int8"):
        outputs = load_network(tmp_path / "litert", name)(up_and_down)
        np.testing.assert_allclose(outputs, expected, atol=0.05)


def test_a_cell_state_above_64_is_64_in_int8(tmp_path, converter):
    up_and_down = np.repeat([1.0, -1.0], [100, 165]).astype("float32")[None, :, None]
    inputs = DeviceInputs([up_and_down], [up_and_down] * 2, [up_and_down], [0])
    predictor = Counter()
    write_litert(tmp_path, predictor, lambda predictor: inputs)
    expected = predictor.model(up_and_down)[:, :100]
    assert np.min(expected[0, 64:]) > 0.97
    outputs = load_network(tmp_path / "litert", "count_int8")(up_and_down)[:, :100]
    np.testing.assert_allclose(outputs, expected, atol=0.05)


class LastOutput(Counter):
    """A predictor that reads a whole sequence and keeps the last output alone."""

    def __init__(self, layer):
        self.model = layer
        layer.build((1, None, 1))
        draw = np.random.default_rng(0).normal
        layer.set_weights([draw(size=w.shape) for w in layer.get_weights()])

    def device_graphs(self):
        return {"count": DeviceGraph("counter", "logits", None)}


@pytest.mark.parametrize(
    "layer",
    [LSTM(3), LSTM(3, go_backwards=True), keras.layers.Bidirectional(LSTM(3))],
    ids=["forward", "backward", "both"],
)
def test_an_lstm_whose_last_output_counts_alone_is_one_operation(
    layer, tmp_path, converter
):
    x = np.random.default_rng(1).normal(size=(1, 7, 1)).astype("float32")
    predictor = LastOutput(layer)
    write_litert(tmp_path, predictor, lambda predictor: DeviceInputs([x]))
    network = load_network(tmp_path / "litert", "count")
    directions = 2 if isinstance(layer, keras.layers.Bidirectional) else 1
    assert network.operations.count(OPERATION) == directions
    np.testing.assert_allclose(network(x), predictor.model(x), atol=1e-5)


def test_a_stream_of_frames_is_answered_as_the_whole_clip(
    speech_device_files, speech, clips
):
    whole = speech.graphs()["speech_commands"]
    states = [tf.zeros([1, *s.shape[1:]]) for s in whole.input_signature[1:]]
    network = load_network(speech_device_files, "stream")
    for clip in clips:
        network.reset()
        frames = [network(clip[:, n : n + 1]) for n in range(clip.shape[1])]
        expected = whole(clip, *states)["frame_logits"]
        np.testing.assert_allclose(np.concatenate(frames, 1), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["stream", "stream_dynamic", "stream_int8"])
def test_the_state_carries_on_until_it_is_reset(name, speech_device_files, clips):
    network = load_network(speech_device_files, name)
    first, again = network(clips[0]), network(clips[0])
    assert np.abs(first - again).max() > 0
    network.reset()
    np.testing.assert_array_equal(network(clips[0]), first)


def test_int8_is_measured_on_the_validation_split(speech_device_files, speech):
    graphs = read_description(speech_device_files)["graphs"]
    assert set(graphs) == {
        *("clip", "clip_dynamic", "clip_int8"),
        *("stream", "stream_dynamic", "stream_int8"),
    }
    inputs = sound_inputs(speech)
    for name, entry in graphs.items():
        assert entry["validation_inputs"] == len(inputs.labels)
        hits = []
        network = load_network(speech_device_files, name)
        for clip, label in zip(inputs.validation, inputs.labels, strict=True):
            network.reset()
            logits = network(clip)
            if entry["graph"] == "stream":
                logits = logits.max(axis=1)  # model.pooling=max
            hits.append(logits.argmax() == label)
        assert entry["accuracy"] == pytest.approx(np.mean(hits))


def test_each_validation_clip_begins_without_a_state():
    class Counting:
        """Its class is the number of calls since the last reset."""

        def reset(self):
            self.calls = 0

        def __call__(self, sequence):
            self.calls += 1
            return np.eye(5)[None, self.calls]

    clips = [np.zeros((1, 3, 1), "float32")] * 4
    inputs = DeviceInputs([], validation=clips, labels=[1, 1, 1, 2])
    measured = trial.accuracy(Counting(), DeviceGraph("", "logits", None), inputs)
    assert measured == {"accuracy": 0.75, "validation_inputs": 4}


def test_int8_files_compute_in_int8(speech_device_files):
    for name in ("clip", "stream"):
        operations = load_network(speech_device_files, f"{name}_int8").operations
        assert {"QUANTIZE", "DEQUANTIZE"} <= set(operations)


def test_the_description_names_inputs_outputs_and_settings(speech_device_files, speech):
    description = read_description(speech_device_files)
    entry = description["graphs"]["stream"]
    assert entry["inputs"] == {"features": {"dtype": "float32", "shape": [1, 1, 8]}}
    assert entry["outputs"] == {"logits": {"dtype": "float32", "shape": [1, 1, 3]}}
    assert description["settings"] == speech.settings()
    assert read_labels(speech_device_files) == speech.labels


def test_a_text_of_any_length_is_answered_as_by_the_model(
    trained_run, tmp_path, converter
):
    predictor = SentimentPredictor.load(trained_run)
    write_litert(tmp_path, predictor, text_inputs)
    network = load_network(tmp_path / "litert", "text")
    assert network.operations.count(OPERATION) == 2  # forward and backward
    for text in ("a warm and clever film", "warm"):
        ids = predictor.vocabulary.token_ids(tf.constant([text])).to_tensor()
        network.reset()
        logits = network(np.array(ids, "int32"))
        expected = predictor.answer(tf.constant([text]))["probabilities"]
        np.testing.assert_allclose(tf.nn.softmax(logits), expected, atol=1e-5)


def test_a_token_a_call_gives_the_logits_of_the_whole_text(
    language_run, tmp_path, converter
):
    predictor = LanguagePredictor.load(language_run)
    write_litert(tmp_path, predictor, token_inputs)
    network = load_network(tmp_path / "litert", "step")
    ids = np.array([[2, 5, 3, 7]], "int32")
    whole = network_of(predictor, predictor.device_graphs()["step"])
    rows = [network(ids[:, n : n + 1]) for n in range(4)]
    expected = whole(ids)["logits"]
    np.testing.assert_allclose(np.concatenate(rows, 1), expected, atol=1e-4)


def test_without_its_data_a_run_gets_float_files_and_one_line(speech, capsys, tmp_path):
    data = speech.config.data
    object.__setattr__(data, "directory", str(tmp_path / "moved"))
    inputs = sound_inputs(speech)
    assert inputs.calibration == []
    assert len(inputs.examples) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "none in int8" in line
    assert "moved" in line
