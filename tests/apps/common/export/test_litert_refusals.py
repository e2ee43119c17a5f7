"""What cannot be a LiteRT file, or is a damaged one, is refused in one line."""

import contextlib
import functools
import importlib
import json
import operator
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from apps.common.export.litert import conversion, export, trial
from apps.common.export.litert.export import write_litert
from apps.common.export.litert.graphs import DeviceInputs, network_of
from apps.common.portable.litert import (
    Network,
    litert_directory,
    load_network,
    read_description,
)
from apps.language_modeling.export import device_inputs as token_inputs
from apps.language_modeling.predict import Predictor as LanguagePredictor
from apps.speech_commands.export import device_inputs as sound_inputs
from tests.litert_converter import Counter, in_process

OPERATION = "UNIDIRECTIONAL_SEQUENCE_LSTM"


@pytest.mark.filterwarnings("ignore:.*lstm_step was changed")
def test_a_model_with_an_edited_step_gets_no_files_and_its_layer_is_named(
    speech, tmp_path, converter, edit_step, capsys
):
    edit_step()
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


def test_a_converter_that_dies_leaves_no_files_and_one_line(
    tokens, tmp_path, converter, capsys
):
    converter(lambda request: ("", "many\nlines\n"), -6)
    write_litert(tmp_path, tokens, token_inputs)
    assert list(tmp_path.iterdir()) == []
    message = "step.tflite cannot be converted: the converter ended with -6: lines"
    assert capsys.readouterr().err == f"No LiteRT files: {message}\n"


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


def test_a_file_in_int8_that_loses_more_than_a_tenth_is_left_out(
    speech, tmp_path, converter, monkeypatch, capsys
):
    # Of clip and stream in float, with weights in int8, and in int8 alone.
    shares = iter([0.9, 0.9, 0.81, 0.95, 0.95, 0.79])
    monkeypatch.setattr(
        export,
        "accuracy",
        lambda *_: {"accuracy": next(shares), "validation_inputs": 8},
    )
    write_litert(tmp_path, speech, sound_inputs)
    line = "stream_int8.tflite is left out: accuracy 79.00% on the validation split, "
    assert line + "in float 90.00%.\n" in capsys.readouterr().err
    names = {path.stem for path in (tmp_path / "litert").glob("*.tflite")}
    assert names == {"clip", "stream", "clip_dynamic", "stream_dynamic", "clip_int8"}
    assert set(read_description(tmp_path / "litert")["graphs"]) == names


def test_no_calibration_writes_no_int8(tokens):
    assert token_inputs(tokens).calibration == []
    assert DeviceInputs([]).calibration == []
