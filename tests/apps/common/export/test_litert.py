"""LiteRT files have fused LSTMs that carry their state, and answer as the model."""

import contextlib
import functools
import importlib
import json
import operator
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common.export.litert import conversion, export, trial
from apps.common.export.litert.export import write_litert
from apps.common.export.litert.graphs import DeviceGraph, DeviceInputs, network_of
from apps.common.portable.litert import (
    Network,
    litert_directory,
    load_network,
    read_description,
    read_labels,
)
from apps.language_modeling.export import device_inputs as token_inputs
from apps.language_modeling.predict import Predictor as LanguagePredictor
from apps.sentiment.export import device_inputs as text_inputs
from apps.sentiment.predict import Predictor as SentimentPredictor
from apps.speech_commands.export import device_inputs as sound_inputs
from apps.speech_commands.predict import Predictor as SpeechPredictor
from lstm_layer import LSTM, cell, gradient, kernel, step
from tests.litert_converter import Process, in_process

OPERATION = "UNIDIRECTIONAL_SEQUENCE_LSTM"


@pytest.fixture
def converter(monkeypatch):
    """Replaces the process that converts, by default by this one, which is faster."""

    def replace(answer=in_process, returncode=0):
        process = Process(answer, returncode)
        monkeypatch.setattr(
            export, "conversion_process", lambda: contextlib.nullcontext(process)
        )

    replace()
    return replace


@pytest.fixture
def speech(speech_run):
    return SpeechPredictor.load(speech_run)


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


class Counter:
    """A predictor whose cell state counts up or down by about 1 a step."""

    directory, name = Path("none"), "counter"

    def __init__(self):
        self.model = LSTM(3, return_sequences=True)
        self.model.build((1, None, 1))
        noise = [0.1 * np.random.normal(size=w.shape) for w in self.model.get_weights()]
        kernel = np.repeat([[0.0, 0.0, 4.0, 0.0]], 3, axis=1)
        bias = np.repeat([4.0, 6.0, 0.0, 4.0], 3)
        weights = zip(noise, (kernel, 0.0, bias), strict=True)
        self.model.set_weights([sum(pair) for pair in weights])

    def graphs(self):
        spec = tf.TensorSpec([None, None, 1], name="features")

        @tf.function(autograph=False, input_signature=[spec])
        def counter(features):
            return {"logits": self.model(features)}

        return {"counter": counter}

    def device_graphs(self):
        return {"count": DeviceGraph("counter", "logits", 1)}

    def settings(self):
        return {}


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


@pytest.fixture
def edited_step(monkeypatch):
    """Replaces `lstm_step` in every module that imports it."""
    written = step.lstm_step

    def edited(*arguments):
        new = written(*arguments)
        return new._replace(h=2 * new.h)

    gradient.gradient_is_current.cache_clear()
    for module in (step, cell, kernel):
        monkeypatch.setattr(module, "lstm_step", edited)
    yield
    gradient.gradient_is_current.cache_clear()


@pytest.mark.filterwarnings("ignore:.*lstm_step was changed")
def test_a_model_with_an_edited_step_gets_no_files_and_its_layer_is_named(
    speech, tmp_path, converter, edited_step, capsys
):
    write_litert(tmp_path, speech, sound_inputs)
    assert list(tmp_path.iterdir()) == []
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("No LiteRT files: lstm_1: expected an `LSTMCell`")


@pytest.mark.parametrize("app", ["question_answering", "summarization"])
def test_an_app_without_device_files_gets_none(app, tmp_path):
    predictor = importlib.import_module(f"apps.{app}.predict").Predictor
    write_litert(tmp_path, predictor(tmp_path, None), None)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="there is no export"):
        litert_directory(tmp_path)
    (tmp_path / "export" / app / "1").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"has no LiteRT files\. Apps with LiteRT"):
        litert_directory(tmp_path)


@pytest.fixture
def tokens(language_run):
    """A predictor of the language model, which has one graph and no int8 files."""
    return LanguagePredictor.load(language_run)


def test_a_file_that_answers_otherwise_stops_the_export(
    tokens, tmp_path, converter, monkeypatch
):
    def other(predictor, graph):
        return lambda x: {
            "logits": network_of(predictor, graph)(x)["logits"][..., ::-1]
        }

    monkeypatch.setattr(trial, "network_of", other)
    with pytest.raises(ValueError, match=r"step\.tflite: answers otherwise than the m"):
        write_litert(tmp_path, tokens, token_inputs)


def test_a_loop_instead_of_an_lstm_stops_the_export(
    tokens, tmp_path, converter, monkeypatch
):
    monkeypatch.setattr("lstm_layer.mark.PREFIX", "other_")
    with pytest.raises(
        ValueError, match=rf"expected 2 operations {OPERATION}. Received: 0"
    ):
        write_litert(tmp_path, tokens, token_inputs)


def test_a_converter_that_dies_stops_the_export_in_one_line(
    tokens, tmp_path, converter
):
    converter(lambda request: ("", "many\nlines\n"), -6)
    message = r"^step\.tflite cannot be converted: the converter ended with -6: lines$"
    with pytest.raises(ValueError, match=message):
        write_litert(tmp_path, tokens, token_inputs)


def test_an_int8_file_that_cannot_be_converted_is_left_out_in_one_line(
    tmp_path, converter, capfd
):
    def dies(request):
        request = json.loads(request)
        *jobs, last = request["jobs"]
        Path(last["file"]).write_bytes(b"a part")
        done, _ = in_process(json.dumps({**request, "jobs": jobs}))
        return done, "Segmentation fault\n"

    converter(dies, -11)
    x = np.ones((1, 4, 1), "float32")
    write_litert(tmp_path, Counter(), lambda _: DeviceInputs([x], [x], [x], [0]))
    graphs = read_description(tmp_path / "litert")["graphs"]
    assert set(graphs) == {"count", "count_dynamic"}
    assert not (tmp_path / "litert" / "count_int8.tflite").exists()
    message = "count_int8.tflite is left out: the converter ended with -11: Segmentati"
    assert message in capfd.readouterr().err


def test_the_converter_is_a_fresh_process_that_is_ended(monkeypatch):
    started = []

    class Popen(contextlib.nullcontext):
        def __init__(self, command, **options):
            super().__init__(self)
            started.append(command)

        def kill(self):
            started.append("killed")

    monkeypatch.setattr(subprocess, "Popen", Popen)
    with conversion.conversion_process():
        pass
    assert started == [[sys.executable, "-I", str(conversion.CONVERT)], "killed"]


@pytest.mark.slow
def test_a_fresh_process_converts(tokens, tmp_path):
    write_litert(tmp_path, tokens, token_inputs)
    assert load_network(tmp_path / "litert", "step").operations.count(OPERATION) == 2


def cut(path):
    path.write_bytes(path.read_bytes()[:1000])


def directory(path):
    path.unlink()
    path.mkdir()


def written(text):
    return lambda path: path.write_text(text)


def without(*keys):
    """Returns a function that removes an entry of `model.json`."""
    *parents, last = keys

    def damage(path):
        content = json.loads(path.read_text())
        del functools.reduce(operator.getitem, parents, content)[last]
        path.write_text(json.dumps(content))

    return damage


def changed(keys, value):
    """Returns a function that replaces the value of an entry of `model.json`."""
    *parents, last = keys

    def damage(path):
        content = json.loads(path.read_text())
        functools.reduce(operator.getitem, parents, content)[last] = value
        path.write_text(json.dumps(content))

    return damage


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("model.json", lambda path: path.unlink(), "model.json: the file is missing"),
        ("model.json", cut, "model.json: not valid JSON"),
        (
            "model.json",
            lambda path: path.write_text('{"format": 99}'),
            "expected format 1. Received: 99",
        ),
        ("model.json", written("{}"), "expected format 1. Received: None. Export"),
        ("model.json", written('{"format": 1}'), "json: app: the entry is missing. C"),
        ("model.json", written(100_000 * "["), "model.json: not valid JSON: maximum"),
        ("model.json", without("settings"), "json: settings: the entry is missing"),
        ("model.json", changed(["app"], 3), "app: expected a text. Received: 3. Copy"),
        ("model.json", changed(["files"], []), "files: expected an object. Received"),
        ("model.json", changed(["graphs", "stream"], 1), "graphs: stream: expected an"),
        ("model.json", without("graphs", "stream", "file"), "stream: file: the entry"),
        ("model.json", without("graphs", "stream", "sha256"), "stream: sha256: the en"),
        *(
            ("model.json", changed(["graphs", "stream", "file"], name), "name of a fi")
            for name in ("..", ".", "", "../stream.tflite", "/etc/passwd", "a\0b")
        ),
        ("stream.tflite", cut, r"stream.tflite: not the file that was .* 1,000 bytes"),
        ("stream.tflite", lambda path: path.unlink(), "stream.tflite: the file is mi"),
        ("stream.tflite", directory, "stream.tflite: Is a directory. Copy the whole"),
    ],
)
def test_a_damaged_directory_is_one_line(
    name, damage, message, speech_device_files, tmp_path
):
    shutil.copytree(speech_device_files, tmp_path / "litert")
    damage(tmp_path / "litert" / name)
    with pytest.raises(ValueError, match=message) as caught:
        load_network(tmp_path / "litert", "stream")
    assert "\n" not in str(caught.value)


def test_other_bytes_than_a_litert_file_are_refused(tmp_path):
    for content in (b"", b"PK", b"0000TFL3", 100 * b"\xff"):
        with pytest.raises(
            ValueError, match=r"any\.tflite: (not a LiteRT|LiteRT does)"
        ):
            Network(content, tmp_path / "any.tflite")


def test_the_loss_is_one_line(capsys):
    entry = {"accuracy": 0.5, "validation_inputs": 8}
    export._report_losses({"stream_int8": entry, "stream": entry | {"accuracy": 1.0}})
    assert capsys.readouterr().out == (
        "LiteRT: accuracy on 8 inputs of the validation split: stream 100.00%, "
        "stream_int8 50.00%.\n"
    )
    export._report_losses({"text": {}})
    assert capsys.readouterr().out == ""


def test_no_calibration_writes_no_int8(tokens):
    assert token_inputs(tokens).calibration == []
    assert DeviceInputs([]).calibration == []
