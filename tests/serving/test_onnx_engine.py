"""The server with --engine onnx: it finds, loads and serves `onnx/` directories."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from fastapi.testclient import TestClient
from google.protobuf.json_format import MessageToDict
from tensorflow.core.protobuf import saved_model_pb2

from serving import runtime, server
from serving.application import create_app
from serving.exports import find_exports
from serving.models import Finder, Models, find_models
from tests.serving import toy_onnx
from tests.serving.signatures import function

PREDICT = "/v1/models/toy:predict"


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    monkeypatch.setitem(runtime.APPS, "toy", toy_onnx.Toy)


@pytest.fixture
def models(tmp_path):
    """The models in a directory with version 1 of `toy`."""
    toy_onnx.write_export(tmp_path / "toy" / "1")
    models = Models(Finder([tmp_path], "onnx"), "onnx")
    models.refresh()
    return models


def states(models, name="toy"):
    rows = models.status(name)["model_version_status"]
    return {row["version"]: row["state"] for row in rows}


def test_an_onnx_export_is_served_like_any_other(models):
    with TestClient(create_app(models)) as client:
        assert client.get("/v1/models").json() == {"models": ["toy"], "cells": {}}
        answer = client.post(PREDICT, json={"instances": ["a cab", "", "bed"]})
        rows = answer.json()["predictions"]
        assert [set(row) for row in rows] == [{"label", "logits"}] * 3
        assert rows[1] == {"label": "x", "logits": [0, 0, 0]}
        columns = client.post(PREDICT, json={"inputs": ["a cab", "", "bed"]}).json()
        for row, *values in zip(rows, *columns["outputs"].values(), strict=True):
            assert list(row.values()) == values
        refused = client.post(PREDICT, json={"inputs": ["hey!"]})
        assert refused.status_code == 400
        assert refused.json() == {"error": "text must not shout"}
        many = client.post(PREDICT, json={"instances": ["a"] * 1000})
        assert len(many.json()["predictions"]) == 1000
        metrics = client.get("/monitoring/prometheus/metrics").text
        assert 'carousel_model_version{model="toy"} 1.0' in metrics


class Toy(tf.Module):
    @function(text=("string", (None,)))
    def classify(self, text):
        logits = tf.zeros((tf.shape(text)[0], 3))
        return {"label": text, "logits": tf.ensure_shape(logits, (None, 3))}


def test_the_metadata_are_those_of_the_savedmodel_but_for_the_names_of_tensors(
    models, tmp_path
):
    path, module = tmp_path / "saved" / "toy" / "1", Toy()
    tf.saved_model.save(module, str(path), {"serving_default": module.classify})
    saved = Models(lambda: find_models([tmp_path / "saved"]))
    saved.refresh()
    expected, actual = saved.get("toy").metadata, models.get("toy").metadata
    for metadata, tensors in ((expected, None), (actual, ["text:0", "label:0"])):
        signature = metadata["metadata"]["signature_def"]["signature_def"]
        infos = [
            signature["serving_default"][side][name]
            for side, names in (("inputs", ["text"]), ("outputs", ["label", "logits"]))
            for name in names
        ]
        names = [info.pop("name") for info in infos]
        assert tensors is None or names == [*tensors, "logits:0"]
    assert actual == expected


def test_the_metadata_are_what_protobuf_writes(exports):
    loaded = Models(lambda: find_models([exports], "tensorflow"), "tensorflow")
    loaded.refresh()
    for model in loaded:
        saved = saved_model_pb2.SavedModel()
        saved.ParseFromString((model.path / "saved_model.pb").read_bytes())
        definitions = {
            name: MessageToDict(
                definition,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
            for name, definition in saved.meta_graphs[0].signature_def.items()
            if not name.startswith("__")
        }
        written = model.metadata["metadata"]["signature_def"]["signature_def"]
        assert written == definitions


DAMAGES = {
    "no JSON": (
        lambda path: path.write_text("{"),
        "model.json: not valid JSON: Expecting property name enclosed in double "
        "quotes: line 1 column 2 (char 1). Copy the whole directory again, or export "
        "the run again.",
    ),
    "another format": (
        lambda path: path.write_text('{"format": 2}'),
        "model.json: expected format 1. Received: 2. Export the run with this version "
        "of Carousel.",
    ),
    "no graphs": (
        lambda path: path.write_text('{"format": 1}'),
        "model.json: app: the entry is missing. Copy the whole directory again, "
        "or export the run again.",
    ),
    "a graph cut off": (
        lambda path: (path.with_name("toy.onnx")).write_bytes(b"\x08\x0a"),
        "toy.onnx: not the file that was exported: 2 bytes, whose SHA-256 differs from "
        "that in model.json. Copy the whole directory again, or export the run "
        "again.",
    ),
    "no graph file": (
        lambda path: path.with_name("toy.onnx").unlink(),
        "toy.onnx: the file is missing. Copy the whole directory again, or export the "
        "run again.",
    ),
    "an unknown app": (
        lambda path: path.write_text(path.read_text().replace('"toy",', '"yot",')),
        "model.json: the app 'yot' is unknown. Known: toy. Export the model with the "
        "version of Carousel that serves it.",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_version_is_told_in_a_line_and_the_one_before_serves(
    damage, models, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(runtime, "APPS", {"toy": toy_onnx.Toy})
    change, message = DAMAGES[damage]
    path = toy_onnx.write_export(tmp_path / "toy" / "2")
    change(path)
    caplog.clear()
    models.refresh()
    models.refresh()
    assert states(models) == {"2": "END", "1": "AVAILABLE"}
    version = path.parents[1]
    assert caplog.messages == [
        f"{version} cannot be loaded: {path.parent}/{message}",
    ]
    shutil.rmtree(version)
    toy_onnx.write_export(version)
    models.refresh()
    assert states(models) == {"2": "AVAILABLE"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no graph", "does not load it: [ONNXRuntimeError]"),
        (None, "outputs other (None, 3). Received: logits (None, 3). Export the "),
    ],
)
def test_a_graph_that_does_not_fit_its_description_is_told(content, message, tmp_path):
    path = toy_onnx.write_export(tmp_path / "1")
    description = json.loads(path.read_text())
    entry = description["graphs"]["toy"]
    if content is None:
        entry["outputs"]["other"] = entry["outputs"].pop("logits")
    else:
        path.with_name("toy.onnx").write_bytes(content)
        entry["sha256"] = toy_onnx.sha256(content)
    path.write_text(json.dumps(description))
    with pytest.raises(ValueError, match=r"toy\.onnx: ") as caught:
        runtime.load(path.parent)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_directory_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"onnx/model\.json: the file is missing"):
        runtime.load(tmp_path / "onnx")


def test_a_newer_version_is_loaded_by_polling(models, tmp_path):
    toy_onnx.write_export(tmp_path / "toy" / "2")
    models.refresh()
    assert states(models) == {"2": "AVAILABLE"}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Runs of two models: `both` has both graphs, `old` no ONNX in version 2 and 1."""
    monkeypatch.chdir(tmp_path)
    for name, version in (("both", 1), ("old", 1), ("old", 2)):
        path = Path("runs", name, "export", "sentiment", str(version))
        path.mkdir(parents=True)
        (path / "saved_model.pb").touch()
        if name == "both":
            toy_onnx.write_export(path)


def test_what_has_no_onnx_files_is_told_once_with_the_command_that_writes_them(
    runs, caplog
):
    for _ in range(2):
        found = find_exports(["runs"], graphs=(Path("onnx", "model.json"),))
        assert list(found) == ["both"]
    assert caplog.messages == [
        "runs/old/export/sentiment/2 is not served: it has no onnx/model.json. Delete "
        "it and export its run again (python -m experiments.sentiment RUN export), or "
        "serve it with --engine tensorflow."
    ]


def test_a_copied_onnx_directory_is_no_model_for_tensorflow_and_that_is_told(
    tmp_path, caplog
):
    toy_onnx.write_export(tmp_path / "models" / "toy" / "3")
    assert list(find_models([tmp_path / "models"], "onnx")) == ["toy"]
    assert find_models([tmp_path / "models"], "tensorflow") == {}
    assert caplog.messages == [
        f"{tmp_path}/models/toy/3 is not served: it has no saved_model.pb. Serve it "
        "with --engine onnx."
    ]


def test_by_default_each_version_runs_on_the_first_engine_that_it_has_files_for(runs):
    models = Models(Finder(["runs"]))
    models.refresh()
    assert [type(model).__name__ for model in models] == ["OnnxModel"]
    reason = models.status("old")["model_version_status"][0]["status"]["error_message"]
    assert "saved_model.pb" in reason or "SavedModel" in reason


def test_the_command_line_chooses_the_engine(runs, monkeypatch, caplog, capsys):
    served = []
    monkeypatch.setattr(server, "create_app", lambda models, *a, **o: models)
    monkeypatch.setattr(server.uvicorn, "run", lambda app, **o: served.append(app))
    with caplog.at_level(logging.WARNING):
        server.main(["runs", "--engine", "onnx"])
    ((model,),) = served
    assert (model.name, type(model).__name__) == ("both", "OnnxModel")
    with pytest.raises(SystemExit):
        server.main(["runs/old", "--engine", "onnx"])
    message = capsys.readouterr().err
    assert message.startswith("Error: runs/old: there is no exported model to serve.")
    assert "<model>/<version>/onnx/model.json" in message


@pytest.mark.parametrize(
    ("engine", "module", "file"),
    [
        ("onnx", "onnxruntime", "requirements-runtime.txt"),
        ("tensorflow", "tensorflow", "requirements.txt"),
    ],
)
def test_an_engine_that_is_not_installed_is_told(
    engine, module, file, runs, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit) as ended:
        server.main(["runs", "--engine", engine])
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert message.startswith(f"Error: --engine {engine}: ")
    assert f"is not installed. `pip install -r {file}` installs it" in message
    assert len(message.splitlines()) == 1


@pytest.mark.slow
def test_the_server_needs_nothing_but_the_packages_of_requirements_runtime(tmp_path):
    """In a process where nothing else can be imported."""
    root = Path(server.__file__).parents[1]
    toy_onnx.write_export(tmp_path / "toy" / "1")
    program = f"""
import sys
for name in ("google", "keras", "matplotlib", "onnx", "sklearn", "scipy", "tensorflow",
             "tensorflow_serving", "yaml", "soundfile", "soxr", "pyarrow"):
    sys.modules[name] = None
import time
began = time.perf_counter()
import serving.runtime
seconds = time.perf_counter() - began
import serving.client
from serving import server
from tests.serving import toy_onnx
toy_onnx.register()
def serve(app, **options):
    import asyncio
    (model,) = models
    text = toy_onnx.np.array([b"a bed"], object)
    print(model.signature("serving_default")({{"text": text}})["logits"].shape)
def create_app(served, *limits, **options):
    global models
    models = served
server.create_app, server.uvicorn.run = create_app, serve
server.main([{str(tmp_path)!r}, "--engine", "onnx"])
ours = {{name.split(".")[1] for name in sys.modules if name.startswith("apps.")}}
common = {{name for name in sys.modules if name.startswith("apps.common.")}}
print(ours, all(name.startswith("apps.common.portable") for name in common))
print(seconds < 1 or seconds)
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()[-3:]
    assert lines == ["(1, 3)", "{'common'} True", "True"], result.stdout
