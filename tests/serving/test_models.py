"""The server finds and loads exports; its command line starts it."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from apps.common.portable.versions import WARMUP
from serving import models, server
from serving.engine import RequestError
from serving.limits import Limits
from serving.models import Models, find_models
from serving.publish import publish
from serving.tensorflow_engine import TensorFlowModel, signature_of
from tests.serving.signatures import function


@pytest.fixture
def export(tmp_path):
    """Makes `<directory>/<model>/<version>/saved_model.pb` with a given mtime."""

    def make(directory, model, version, time=0, complete=True):
        path = tmp_path / directory / model / str(version)
        path.mkdir(parents=True)
        if complete:
            (path / "saved_model.pb").write_bytes(b"")
            os.utime(path / "saved_model.pb", (time, time))
        return path

    return make


@pytest.fixture
def served(monkeypatch):
    """Replaces loading and serving; records the models and uvicorn's options."""
    calls = []

    class Loaded(TensorFlowModel):
        def __init__(self, name, path):
            self.name, self.path, self.version = name, path, int(path.name)

    monkeypatch.setitem(models.ENGINES, "tensorflow", Loaded)
    monkeypatch.setattr(server, "create_app", lambda models, *a, **o: models)
    monkeypatch.setattr(server.uvicorn, "run", lambda app, **o: calls.append((app, o)))
    return calls


def start(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["serving.server", *words])
    server.main()


def served_by(calls):
    """Returns the model `sentiment` of the only call, and uvicorn's options."""
    ((models, options),) = calls
    return models.get("sentiment"), options


def test_the_highest_version_is_served(export, tmp_path):
    for version, time in ((2, 30), (10, 10), (9, 20)):
        export("a", "sentiment", version, time)
    paths = find_models([tmp_path / "a"])["sentiment"]
    assert [path.name for path in paths] == ["10", "9", "2"]


def test_of_two_exports_of_a_model_the_newest_is_served(export, tmp_path):
    export("a", "sentiment", 5, time=10)
    newest = export("b", "sentiment", 1, time=30)
    export("c", "sentiment", 9, time=20)
    export("c", "other", 1, time=0)
    exports = find_models([str(tmp_path / name) for name in "abc"])
    assert exports["sentiment"][0] == newest
    assert sorted(exports) == ["other", "sentiment"]


def test_what_is_no_export_is_passed_over(export, tmp_path):
    export("a", "half", 1, complete=False)
    (tmp_path / "a" / "empty").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("")
    assert find_models([tmp_path / "a", tmp_path / "absent"]) == {}


def test_the_exports_of_all_runs_are_served_on_loopback(
    export, served, tmp_path, monkeypatch, capsys
):
    path = export("runs/sentiment/imdb/seed-1/export", "sentiment", 1)
    monkeypatch.chdir(tmp_path)
    start(monkeypatch)
    model, options = served_by(served)
    assert (options["host"], options["port"]) == ("127.0.0.1", 8501)
    assert model.path == path.relative_to(tmp_path)
    assert (
        "Try sentiment in a browser: http://127.0.0.1:8501/" in capsys.readouterr().out
    )


def test_directories_host_and_port_may_be_named(export, served, tmp_path, monkeypatch):
    export("mine", "sentiment", 4)
    options = ("--host", "0.0.0.0", "--port", "9000")
    start(monkeypatch, str(tmp_path / "mine"), *options)
    model, options = served_by(served)
    assert model.version == 4
    assert (options["host"], options["port"]) == ("0.0.0.0", 9000)


def test_what_the_command_line_says_reaches_the_application(
    export, served, tmp_path, monkeypatch
):
    export("mine", "sentiment", 4)
    made = []

    def create_app(_, *limits, **options):
        made.append((*limits, options))

    monkeypatch.setattr(server, "create_app", create_app)
    start(monkeypatch, str(tmp_path / "mine"))
    words = ("--body-mb", "2", "--timeout-s", "3", "--waiting", "4", "--poll-s", "0.5")
    start(monkeypatch, str(tmp_path / "mine"), *words, "--one-by-one", "--cors")
    assert made == [
        (Limits(16.0, 30.0, 512), {"join": True, "cors": False, "poll_s": 5.0}),
        (Limits(2.0, 3.0, 4), {"join": False, "cors": True, "poll_s": 0.5}),
    ]


def test_a_run_of_its_own_directory_is_served_beside_those_of_recipes(
    export, served, tmp_path, monkeypatch, capsys
):
    export("runs/sentiment/imdb/seed-1/export", "sentiment", 1)
    own = export("runs/my-reviews/export", "sentiment", 1, time=10)
    monkeypatch.chdir(tmp_path)
    start(monkeypatch)
    ((found, _),) = served
    assert found.get("my-reviews").path == own.relative_to(tmp_path)
    assert "imdb" in str(found.get("sentiment").path)
    page = "http://127.0.0.1:8501/"
    assert capsys.readouterr().out.splitlines() == [
        f"Try sentiment in a browser: {page}",
        f"Try my-reviews in a browser: {page}?sentiment=my-reviews#sentiment",
    ]


def test_the_page_of_a_published_model_has_the_tab_of_its_app(
    export, served, tmp_path, monkeypatch, capsys
):
    run = export("runs/my-reviews/export", "sentiment", 1).parents[2]
    publish(run, tmp_path / "models")
    start(monkeypatch, str(tmp_path / "models"))
    assert "8501/?sentiment=my-reviews#sentiment" in capsys.readouterr().out


@pytest.mark.parametrize("words", [(), ("absent",), ("mine", "absent")])
def test_without_an_export_there_is_one_line_that_says_how_to_make_one(
    words, export, served, tmp_path, monkeypatch, capsys
):
    export("mine", "sentiment", 1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        start(monkeypatch, *words)
    message = capsys.readouterr().err
    assert ended.value.code == 2
    place = words[-1] if words else "runs"
    expected = f"Error: {place}: there is no exported model to serve. `make run`"
    assert message.startswith(expected)
    assert len(message.splitlines()) == 1
    assert served == []


@pytest.mark.slow
def test_memory_does_not_grow_from_version_to_version(exports):
    """Measured in a separate process, whose memory only the model uses."""
    program = f"""
import gc
from pathlib import Path
from serving.tensorflow_engine import TensorFlowModel
def megabytes():
    return int(open("/proc/self/status").read().split("VmRSS:")[1].split()[0]) / 1024
sizes = []
for _ in range(12):
    TensorFlowModel("types", {str(exports / "types" / "3")!r})
    gc.collect()
    sizes.append(megabytes())
print(sizes[-1] - sizes[3])
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(server.__file__).parents[1],
    )
    assert float(result.stdout) < 8


class Loading(TensorFlowModel):
    """A model that fails to load if its file contains "broken"."""

    def __init__(self, name, path):
        if (path / "saved_model.pb").read_bytes() == b"broken":
            raise OSError("SavedModel file does not exist\nat all")
        self.name, self.path, self.version = name, path, int(path.name)


@pytest.fixture
def watched(tmp_path, monkeypatch):
    monkeypatch.setitem(models.ENGINES, "tensorflow", Loading)
    return Models(lambda: find_models([tmp_path / "all"]))


def states(models, name):
    rows = models.status(name)["model_version_status"]
    return {row["version"]: row["state"] for row in rows}


def test_a_newer_version_replaces_the_one_that_serves(watched, export):
    export("all", "a", 1)
    watched.refresh()
    first = watched.get("a")
    watched.refresh()
    assert watched.get("a") is first
    export("all", "a", 2)
    watched.refresh()
    assert watched.get("a").version == 2
    with pytest.raises(RequestError, match=r"Specific\(a, 1\)"):
        watched.get("a", "1")


def test_a_version_taken_back_leaves_the_one_before(watched, export):
    export("all", "a", 1)
    newest = export("all", "a", 2)
    watched.refresh()
    newest.rename(newest.with_name(".withdrawn-2"))
    watched.refresh()
    assert states(watched, "a") == {"1": "AVAILABLE"}


def test_a_version_that_cannot_be_loaded_is_told_and_the_one_before_serves(
    watched, export, caplog
):
    export("all", "a", 1)
    watched.refresh()
    broken = export("all", "a", 2) / "saved_model.pb"
    broken.write_bytes(b"broken")
    watched.refresh()
    watched.refresh()
    assert watched.get("a").version == 1
    assert states(watched, "a") == {"2": "END", "1": "AVAILABLE"}
    assert [r.message for r in caplog.records if "cannot be loaded" in r.message] == [
        f"{broken.parent} cannot be loaded: at all"
    ]
    broken.write_bytes(b"mended")
    os.utime(broken, (5, 5))
    watched.refresh()
    assert states(watched, "a") == {"2": "AVAILABLE"}


def test_an_error_of_any_kind_does_not_end_the_watch(caplog):
    found, again = [], threading.Event()

    def find():
        found.append(1)
        if len(found) > 3:
            again.set()
        raise ValueError("a name")

    watched = Models(find)
    watched.watch(0.001)
    assert again.wait(10)
    watched.stop()
    assert caplog.messages == ["looking for models: a name"]


def test_without_the_newest_version_the_one_before_is_served_from_the_start(
    watched, export
):
    export("all", "a", 1)
    (export("all", "a", 2) / "saved_model.pb").write_bytes(b"broken")
    export("all", "a", 3, complete=False)
    watched.refresh()
    assert watched.get("a").version == 1
    assert states(watched, "a") == {"2": "END", "1": "AVAILABLE"}


def test_a_version_without_a_graph_does_not_hide_the_one_that_serves(watched, export):
    export("all", "a", 1)
    watched.refresh()
    first = watched.get("a")
    half = export("all", "a", 2, complete=False)
    watched.refresh()
    assert watched.get("a") is first
    (half / "saved_model.pb").write_bytes(b"")
    watched.refresh()
    assert watched.get("a").version == 2


def test_a_version_that_changes_while_it_is_loaded_is_tried_again(
    watched, export, monkeypatch
):
    export("all", "a", 1)
    watched.refresh()
    path = export("all", "a", 2)
    written = [1, 2, 3]

    class Growing(Loading):
        def __init__(self, name, path):
            super().__init__(name, path)
            (path / "variables").write_text("x" * written.pop())

    monkeypatch.setitem(models.ENGINES, "tensorflow", Growing)
    for left in ([1, 2], [1]):
        watched.refresh()
        assert written == left
        assert states(watched, "a") == {"2": "END", "1": "AVAILABLE"}
    monkeypatch.setitem(models.ENGINES, "tensorflow", Loading)
    (path / "variables").write_text("all of it")
    watched.refresh()
    assert states(watched, "a") == {"2": "AVAILABLE"}


def test_no_part_of_a_version_is_served_while_its_files_are_copied(
    exports, tmp_path, caplog
):
    """Copies a real export file by file, in two halves, the graph first or last."""
    source = exports / "sentiment" / "1"
    files = [path for path in source.rglob("*") if path.is_file()]
    files.sort(key=lambda path: (path.name != "saved_model.pb", path))
    texts = {"text": np.array([b"a good film", b"a bad one"], object)}
    for number, order in enumerate((files, files[::-1]), 1):
        directory = tmp_path / str(number)
        shutil.copytree(source, directory / "sentiment" / "1")
        models = Models(lambda directory=directory: find_models([directory]))
        models.refresh()
        answer = models.get("sentiment").signature("serving_default")(texts)
        for path in order:
            target = directory / "sentiment" / "2" / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            file_bytes = path.read_bytes()
            for part in (file_bytes[: len(file_bytes) // 2], file_bytes):
                target.write_bytes(part)
                models.refresh()
                outputs = models.get("sentiment").signature("serving_default")(texts)
                for name, value in answer.items():
                    np.testing.assert_array_equal(outputs[name], value)
        assert models.get("sentiment").version == 2
        assert states(models, "sentiment") == {"2": "AVAILABLE"}


class Checking(tf.Module):
    @function(x=("float32", (None,)))
    def finite(self, x):
        return {"finite": tf.debugging.check_numerics(x, "x must be finite")}


@pytest.mark.parametrize(("x", "state"), [(1.0, "AVAILABLE"), (np.nan, "END")])
def test_a_version_serves_only_if_its_own_warm_up_requests_succeed(x, state, tmp_path):
    path, module = tmp_path / "checking" / "1", Checking()
    signatures = {"serving_default": module.finite}
    tf.saved_model.save(module, str(path), signatures)
    request = predict_pb2.PredictRequest(inputs={"x": tf.make_tensor_proto([x])})
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(request)
    (path / WARMUP).parent.mkdir()
    with tf.io.TFRecordWriter(str(path / WARMUP)) as writer:
        writer.write(log.SerializeToString())
    models = Models(lambda: find_models([tmp_path]))
    models.refresh()
    assert states(models, "checking") == {"1": state}


def test_a_refusal_whose_message_is_not_text_is_the_senders_fault():
    """TensorFlow quotes the bytes of the input; Python cannot decode them."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        sound = v1.placeholder("string", [None])
        is_wav = tf.reduce_all(tf.equal(tf.strings.substr(sound, 0, 4), "RIFF"))
        with tf.control_dependencies([tf.debugging.Assert(is_wav, [sound])]):
            label = tf.identity(sound)
        tensors = {"sound": sound, "label": label}
        info = {k: v1.saved_model.build_tensor_info(v) for k, v in tensors.items()}
        definition = v1.saved_model.build_signature_def(
            {"sound": info["sound"]}, {"label": info["label"]}
        )
        signature = signature_of(session, definition)
        good = signature({"sound": np.array([b"RIFF \xff"], object)})
        assert good["label"].tolist() == [b"RIFF \xff"]
        with pytest.raises(RequestError, match="The model refuses the input") as caught:
            signature({"sound": np.array([b"\xff\xfb\x90"], object)})
        assert caught.value.status == 400


@pytest.mark.parametrize(
    ("shape", "joins"),
    [((None,), True), ((None, 3), True), ((None, None), False), ((), False)],
)
def test_requests_are_joined_only_if_each_output_has_rows_of_one_size(shape, joins):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        info = v1.saved_model.build_tensor_info(v1.placeholder("float32", shape))
        rows = v1.saved_model.build_tensor_info(v1.placeholder("float32", [None]))
        definition = v1.saved_model.build_signature_def(
            {"x": info}, {"one": rows, "other": info}
        )
        assert signature_of(session, definition).joins == joins


def test_a_model_that_is_gone_is_404(watched, export, tmp_path):
    path = export("all", "a", 1)
    export("all", "b", 1)
    watched.refresh()
    path.parent.rename(tmp_path / "elsewhere")
    watched.refresh()
    assert [model.name for model in watched] == ["b"]
    with pytest.raises(RequestError, match=r"Latest\(a\)"):
        watched.status("a")


@pytest.mark.parametrize(
    ("flag", "expected"),
    [("--body-mb", "a number above 0"), ("--poll-s", "seconds, 0 or more")],
)
def test_a_limit_that_cannot_be_meant_is_refused_in_one_line(
    flag, expected, served, monkeypatch, capsys
):
    with pytest.raises(SystemExit):
        start(monkeypatch, flag, "-1")
    message = capsys.readouterr().err
    assert message == f"Error: {flag}: expected {expected}. Received: -1.\n"


@pytest.mark.slow
def test_a_server_needs_no_keras_and_no_number_of_dimensions_ends_it(exports):
    """In a separate process, since Keras is loaded here and TensorFlow could abort."""
    path = str(exports / "types" / "3")
    program = f"""
import sys
import threading
from pathlib import Path
from fastapi.testclient import TestClient
from serving.models import Models
from serving.application import create_app
models = Models(lambda: {{"types": [Path({path!r})]}})
models.refresh()
client = TestClient(create_app(models))
body = '{{"inputs": ' + "[" * 300 + "1" + "]" * 300 + "}}"
print(client.post("/v1/models/types:predict", content=body).status_code)
print("keras" in sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(server.__file__).parents[1],
    )
    assert (result.returncode, result.stdout) == (0, "400\nFalse\n"), result.stderr
