"""The C++ array of a LiteRT file for microcontrollers."""

import json
import re
import shutil
import subprocess
import sys
import types

import pytest

from apps.speech_commands import c_array


def start(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["c_array", *map(str, words)])
    c_array.main()


def test_the_array_has_the_bytes_of_the_file(
    speech_device_files, tmp_path, monkeypatch, capsys
):
    start(monkeypatch, "--run", speech_device_files, "--output", tmp_path / "new")
    source = (tmp_path / "new" / "model_data.cc").read_text()
    content = bytes(int(byte, 16) for byte in re.findall(r"0x[0-9a-f]+", source))
    assert content == (speech_device_files / "stream_int8.tflite").read_bytes()
    header = (tmp_path / "new" / "model_data.h").read_text()
    assert f"kModel[{len(content)}]" in header
    assert "kSampleRateHz = 8000, kHop = 80, kWindow = 160;" in header
    assert 'kLabels[kLabelCount] = {"high", "low", "middle"};' in header
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_label_in_any_script_is_a_text_of_cpp(
    speech_device_files, tmp_path, monkeypatch
):
    model = c_array.read_sound_model(speech_device_files)._replace(labels=['"\\', "né"])
    monkeypatch.setattr(c_array, "read_sound_model", lambda directory: model)
    start(monkeypatch, "--run", speech_device_files, "--output", tmp_path)
    header = (tmp_path / "model_data.h").read_text(encoding="utf-8")
    assert r'{"\"\\", "né"}' in header


@pytest.mark.skipif(not shutil.which("g++"), reason="needs g++")
def test_a_compiler_takes_the_files(speech_device_files, tmp_path, monkeypatch):
    start(monkeypatch, "--run", speech_device_files, "--output", tmp_path)
    command = ["g++", "-std=c++17", "-Wall", "-Werror", "-c", "model_data.cc"]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_the_smallest_arena_is_the_least_that_runs(monkeypatch):
    class Interpreter:
        @classmethod
        def from_bytes(cls, content, arena_size):
            if arena_size < 6224:
                raise RuntimeError("failed to allocate tensors")
            return cls()

        def invoke(self):
            """Does nothing."""

    package = f"{c_array.MICRO}.python"
    names = c_array.MICRO, package, f"{package}.{c_array.MICRO}"
    runtime = types.SimpleNamespace(Interpreter=Interpreter)
    for name in names:
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(runtime=runtime))
    assert c_array.smallest_arena(b"") == 6224


def test_a_graph_that_the_export_lacks_is_one_line(
    speech_device_files, tmp_path, monkeypatch, capsys
):
    with pytest.raises(SystemExit) as ended:
        start(monkeypatch, "--run", speech_device_files, "--graph", "whisper")
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected a graph 'whisper'. Received: clip, " in line
    assert json.loads((speech_device_files / "model.json").read_text())["graphs"]


def test_another_app_is_one_line(tmp_path, monkeypatch, capsys):
    content = {"format": 1, "app": "sentiment", "graphs": {}, "files": {}}
    path = tmp_path / "model.json"
    path.write_text(json.dumps(content | {"settings": {}}))
    with pytest.raises(SystemExit) as ended:
        start(monkeypatch, "--run", tmp_path, "--graph", "text")
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{path}: expected an export of the app 'speech_commands'. Received" in line
