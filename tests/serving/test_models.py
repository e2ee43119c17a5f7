"""Which exports are served, and the command that serves them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving import server
from serving.server import find_models


@pytest.fixture
def export(tmp_path):
    """Makes `<directory>/<model>/<version>/saved_model.pb`, written at a given time."""

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
    """Replaces loading and serving; notes what would be served, and where."""
    calls = []

    class Loaded:
        def __init__(self, name, path):
            self.name, self.path, self.version = name, path, int(path.name)

    monkeypatch.setattr(server, "Model", Loaded)
    monkeypatch.setattr(server, "create_app", lambda models: models)
    monkeypatch.setattr(server.uvicorn, "run", lambda app, **o: calls.append((app, o)))
    return calls


def start(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["serving.server", *words])
    server.main()


def test_the_highest_version_is_served(export, tmp_path):
    for version, time in ((2, 30), (10, 10), (9, 20)):
        export("a", "sentiment", version, time)
    assert find_models([tmp_path / "a"]) == {
        "sentiment": tmp_path / "a" / "sentiment" / "10"
    }


def test_of_two_exports_of_a_model_the_newest_is_served(export, tmp_path):
    export("a", "sentiment", 5, time=10)
    newest = export("b", "sentiment", 1, time=30)
    export("c", "sentiment", 9, time=20)
    export("c", "other", 1, time=0)
    found = find_models([str(tmp_path / name) for name in "abc"])
    assert found["sentiment"] == newest
    assert sorted(found) == ["other", "sentiment"]


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
    ((models, options),) = served
    assert (options["host"], options["port"]) == ("127.0.0.1", 8501)
    assert models["sentiment"].path == path.relative_to(tmp_path)
    said = capsys.readouterr().out
    assert "http://127.0.0.1:8501/v1/models/sentiment:predict" in said
    assert "version 1" in said


def test_directories_host_and_port_may_be_named(export, served, tmp_path, monkeypatch):
    export("mine", "sentiment", 4)
    options = ("--host", "0.0.0.0", "--port", "9000")
    start(monkeypatch, str(tmp_path / "mine"), *options)
    ((models, options),) = served
    assert models["sentiment"].version == 4
    assert (options["host"], options["port"]) == ("0.0.0.0", 9000)


@pytest.mark.parametrize("words", [(), ("absent",)])
def test_without_an_export_there_is_one_line_that_says_how_to_make_one(
    words, served, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        start(monkeypatch, *words)
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.startswith("Error: There is no exported model to serve. `make run`")
    assert len(told.splitlines()) == 1
    assert served == []


@pytest.mark.slow
def test_no_number_of_dimensions_ends_the_server(exports):
    """In a process of its own: TensorFlow aborts it."""
    path = str(exports / "types" / "3")
    program = f"""
from fastapi.testclient import TestClient
from serving.server import Model, create_app
client = TestClient(create_app({{"types": Model("types", {path!r})}}))
body = '{{"inputs": ' + "[" * 300 + "1" + "]" * 300 + "}}"
print(client.post("/v1/models/types:predict", content=body).status_code)
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(server.__file__).parents[1],
    )
    assert (result.returncode, result.stdout) == (0, "400\n"), result.stderr
