"""A version is published only if a process without our code gives the same outputs."""

import contextlib
import io
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common.export import check as check_export
from apps.common.export import savedmodel as export
from apps.common.export.savedmodel import export_model
from apps.common.portable.versions import newest_version
from lstm_layer import LSTM

EXAMPLES = {"serving_default": {"x": np.array([[1.0, 2.0], [3.0, 4.0]], "float32")}}
SIGNATURE = [tf.TensorSpec((None, 2), name="x")]


@pytest.fixture
def layer():
    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    return layer


@pytest.fixture
def answer_of(layer):
    """Returns a function that makes a signature: a function of the layer's output."""

    def make(function=lambda y: y):
        @tf.function(input_signature=SIGNATURE)
        def answer(x):
            return {"y": function(layer(x))}

        return {"serving_default": answer}

    return make


class Process(contextlib.nullcontext):
    """Replaces the checking process; `answer(request)` returns code, stdout, stderr."""

    def __init__(self, answer):
        super().__init__(self)
        self.answer, self.returncode = answer, None

    def communicate(self, request):
        self.returncode, *streams = self.answer(request)
        return streams

    def kill(self):
        """Does nothing."""


@pytest.fixture
def in_process(monkeypatch):
    """Runs the check in this process, which is faster than a fresh one."""

    def answer(request):
        stdout = io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO(request))
        ours = {name: sys.modules.pop(name) for name in ("apps", "lstm_layer")}
        try:
            with contextlib.redirect_stdout(stdout):
                check_export.main()
        except SystemExit as error:
            return 1, "", str(error)
        finally:
            sys.modules.update(ours)
        return 0, stdout.getvalue(), ""

    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: Process(answer))


@pytest.fixture
def check_returns(monkeypatch):
    """Replaces the check by a process with a given exit code and output."""

    def stand_in(code, out="", err=""):
        process = Process(lambda request: (code, out, err))
        monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: process)

    return stand_in


def content(directory):
    return [path.name for path in directory.iterdir()]


def test_each_export_is_the_next_version(tmp_path, layer, answer_of, in_process):
    signatures = answer_of()
    for version in ("1", "2"):
        path = export_model(tmp_path / "tiny", [layer], signatures, EXAMPLES)
        assert path == tmp_path / "tiny" / version
    assert sorted(content(tmp_path / "tiny")) == ["1", "2"]
    loaded = tf.saved_model.load(str(path))
    outputs = loaded.signatures["serving_default"](x=tf.ones((4, 2)))
    np.testing.assert_allclose(outputs["y"], layer(tf.ones((4, 2))), rtol=1e-6)


def python_function(y):
    y = tf.ensure_shape(tf.numpy_function(np.tanh, [y], tf.float32), (None, 3))
    return y


@tf.function(jit_compile=True)
def compiled(y):
    return tf.tanh(y)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (python_function, "operation PyFunc does not run on every server"),
        (lambda y: tf.py_function(tf.tanh, [y], tf.float32), "operation EagerPyFunc"),
        (compiled, "must be compiled|XlaMustCompile"),
    ],
    ids=["PyFunc", "EagerPyFunc", "XLA"],
)
def test_a_graph_that_does_not_run_on_every_server_gets_no_version(
    function, reason, tmp_path, layer, answer_of, in_process
):
    with pytest.raises(ValueError, match=reason):
        export_model(tmp_path / "tiny", [layer], answer_of(function), EXAMPLES)
    assert content(tmp_path / "tiny") == []


@pytest.mark.parametrize("jit_compile", ["auto", True])
def test_an_lstm_is_served_unless_it_asks_for_xla(jit_compile, tmp_path, in_process):
    lstm = LSTM(3, jit_compile=jit_compile)
    lstm.build((None, None, 2))
    signature = [tf.TensorSpec((None, None, 2), name="x")]
    answer = tf.function(lambda x: {"y": lstm(x)}, signature)
    examples = {"serving_default": {"x": np.ones((4, 5, 2), "float32")}}
    if jit_compile == "auto":
        export_model(tmp_path / "tiny", [lstm], {"serving_default": answer}, examples)
        assert content(tmp_path / "tiny") == ["1"]
    else:
        with pytest.raises(ValueError, match=r"XLA.*LSTM with jit_compile=True"):
            export_model(
                tmp_path / "tiny", [lstm], {"serving_default": answer}, examples
            )
        assert content(tmp_path / "tiny") == []


@pytest.mark.slow
def test_a_fresh_process_refuses_a_python_function(tmp_path, layer, answer_of):
    with pytest.raises(ValueError, match="does not run without this proj") as caught:
        export_model(tmp_path / "tiny", [layer], answer_of(python_function), EXAMPLES)
    assert "operation PyFunc does not run on every server" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert content(tmp_path / "tiny") == []


@pytest.mark.parametrize("difference", [0.1, float("nan")])
def test_a_model_that_answers_otherwise_gets_no_version(
    difference, tmp_path, layer, answer_of, check_returns
):
    y = np.array(layer(EXAMPLES["serving_default"]["x"])) + difference
    check_returns(
        0, "a log line\n" + json.dumps({"serving_default": {"y": y.tolist()}})
    )
    with pytest.raises(ValueError, match="serving_default returns another y than the"):
        export_model(tmp_path / "tiny", [layer], answer_of(), EXAMPLES)
    assert content(tmp_path / "tiny") == []


@pytest.mark.parametrize("stderr", ["Traceback:\nKeyError: the cause\n", ""])
def test_a_check_that_crashes_is_one_line_with_its_cause(
    stderr, tmp_path, layer, answer_of, check_returns
):
    check_returns(1, err=stderr)
    with pytest.raises(ValueError, match="does not run without this proj") as caught:
        export_model(tmp_path / "tiny", [layer], answer_of(), EXAMPLES)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("the cause" if stderr else "no message")
    assert content(tmp_path / "tiny") == []


def test_the_check_is_a_fresh_process_that_cannot_see_our_code(
    tmp_path, layer, answer_of, monkeypatch
):
    def start(command, **options):
        assert command == [sys.executable, "-I", str(export.CHECK)]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(OSError, match="No space left"):
        export_model(tmp_path / "tiny", [layer], answer_of(), EXAMPLES)
    assert content(tmp_path / "tiny") == []


def test_a_failure_ends_the_process_that_would_check(
    tmp_path, layer, answer_of, monkeypatch
):
    started, start = [], subprocess.Popen

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    def record(*arguments, **options):
        started.append(start(*arguments, **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", record)
    monkeypatch.setattr(export, "_write_warmup", fail)
    with pytest.raises(OSError, match="No space left"):
        export_model(tmp_path / "tiny", [layer], answer_of(), EXAMPLES)
    assert started[0].returncode is not None


@pytest.mark.parametrize(
    ("names", "newest"),
    [([], None), (["1"], "1"), (["2", "10", "9"], "10"), (["1", ".tmp", "old"], "1")],
)
def test_the_newest_version_is_the_highest_number(names, newest, tmp_path):
    for name in names:
        (tmp_path / name).mkdir()
    assert newest_version(tmp_path) == (newest and tmp_path / newest)


def test_a_model_that_was_never_exported_has_no_version(tmp_path):
    assert newest_version(tmp_path / "absent") is None
