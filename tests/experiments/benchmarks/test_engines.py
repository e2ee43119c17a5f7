"""The engines' benchmark: what it times, counts and writes."""

import json

import pytest

from experiments.benchmarks import empty_server, engines
from experiments.benchmarks.agreement import Exported
from experiments.benchmarks.installed import installed_megabytes
from tests.serving.live import serving, talk


def test_one_call_is_timed_on_both_engines(finished_run):
    runs = engines.exported_runs([finished_run])
    rows = engines.measure_calls(runs, rounds=2, seconds=0.01)
    assert list(rows) == ["sentiment"]
    assert set(rows["sentiment"]["ms"]) == {engines.TENSORFLOW, engines.ONNX}
    assert all(0 < ms < 1000 for ms in rows["sentiment"]["ms"].values())
    size = sum(f.stat().st_size for f in (runs[0].version / "onnx").iterdir())
    assert rows["sentiment"]["megabytes"][engines.ONNX] == round(size / 1e6, 2)


def test_a_call_of_the_language_model_writes_tokens():
    name, inputs = engines._call_of("language_modeling")
    assert name == "generate"
    assert inputs["max_tokens"] == [engines.TOKENS]


def test_the_empty_route_reads_a_request_and_answers_an_empty_object():
    with serving(empty_server.create_app()) as port:
        request = b"POST /v1/models/x:predict HTTP/1.1\r\nHost: x\r\n"
        request += b"Connection: close\r\nContent-Length: 2\r\n\r\n"
        answer = talk(port, request, b"[]")
    assert answer.startswith("HTTP/1.1 200")
    assert answer.endswith("\r\n\r\n{}")


def test_servers_of_both_engines_and_the_empty_one_take_turns(monkeypatch):
    started = []

    class Stub:
        closed = 0

        def __init__(self, *words, module="serving.server"):
            self.port = port
            started.append((words, module))

        def megabytes(self):
            return 123.4

        def close(self):
            Stub.closed += 1

    monkeypatch.setattr(engines, "Server", Stub)
    runs = [
        Exported("sentiment", "runs/a", None),
        Exported("summarization", "runs/b", None),
    ]
    with serving(empty_server.create_app()) as port:
        result = engines.measure_servers(runs, rounds=1, seconds=0.05)
    models = ("sentiment=runs/a", "summarization=runs/b")
    words, modules = zip(*started, strict=True)
    assert [each[:2] for each in words] == [models, models, ()]
    assert [each[3] for each in words[:2]] == [engines.ONNX, engines.TENSORFLOW]
    assert modules[2] == empty_server.__name__
    assert Stub.closed == 3
    assert result["server"][engines.ONNX]["megabytes"] == 123
    assert list(result["http"]) == ["sentiment"]  # no summaries: see LOADED
    assert set(engines.SERVERS) < set(result["http"]["sentiment"]["32"])


def test_a_server_whose_model_does_not_answer_is_closed_and_named(monkeypatch):
    closed = []

    class Stub:
        port = 1  # nothing listens there

        def __init__(self, *words):
            pass

        def close(self):
            closed.append(self)

    monkeypatch.setattr(engines, "Server", Stub)
    runs = [Exported("sentiment", "runs/a", None)]
    with pytest.raises(ValueError, match="runs/a: the engine onnx does not answer"):
        engines.start(engines.ONNX, runs)
    assert closed


def test_the_tables_of_the_engines_have_all_figures(tmp_path):
    figures = {"requests_per_second": 1234.5, "p50_ms": 1.5, "p99_ms": 9.0}
    row = dict.fromkeys(engines.SERVERS, figures)
    server = {"megabytes": 1620, "seconds": 33.04, "installed_megabytes": None}
    result = {
        "server": {
            engines.TENSORFLOW: server,
            engines.ONNX: {**server, "installed_megabytes": 195},
        },
        "calls": {
            "language_modeling": {
                "megabytes": {engines.TENSORFLOW: 5.4, engines.ONNX: 4.3},
                "ms": {engines.TENSORFLOW: 31.0, engines.ONNX: 3.9},
                "ratio": 7.51,
            }
        },
        "http": {"sentiment": {"1": row, "32": row}},
        "hardware": "2 cores of a test",
        "date": "2026-01-01",
    }
    path = tmp_path / "engines.json"
    path.write_text(json.dumps(result))
    lines = engines.recorded_table(path).splitlines()
    assert "| TensorFlow |  | 1,620 MB | 33.0 s |" in lines
    assert "| ONNX Runtime | 195 MB | 1,620 MB | 33.0 s |" in lines
    assert "| language_modeling, 20 tokens | 5.4 | 4.3 | 31.00 | 3.90 | 7.5 |" in lines
    assert f"| sentiment | 32 |{' 1,234 | 1.5 | 9.0 |' * 3}" in lines
    assert lines[-1] == "Measured on 2 cores of a test, 2026-01-01."


def package(directory, name, size, requires=()):
    info = directory / f"{name}-1.dist-info"
    info.mkdir()
    (directory / f"{name}.py").write_bytes(b"#" * size)
    needed = "".join(f"Requires-Dist: {one}\n" for one in requires)
    (info / "METADATA").write_text(f"Name: {name}\nVersion: 1\n{needed}")
    (info / "RECORD").write_text(f"{name}.py,,\n{name}-gone.py,,\n")


def test_installed_megabytes_count_each_needed_package_once(tmp_path, monkeypatch):
    package(tmp_path, "top_a", 10, ["shared-b", 'never; python_version < "3"'])
    package(tmp_path, "shared_b", 200, ['onlyx; extra == "x"'])
    package(tmp_path, "onlyx", 3000, ["top-a"])
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "few.txt").write_text("top-a==1  # first\n\n")
    (tmp_path / "more.txt").write_text("-r few.txt\nshared_b[x]==1\n")
    (tmp_path / "other.txt").write_text("top-a\nno-such-package-of-ours\n")
    assert installed_megabytes(tmp_path / "few.txt") == pytest.approx(210e-6)
    assert installed_megabytes(tmp_path / "more.txt") == pytest.approx(3210e-6)
    assert installed_megabytes(tmp_path / "other.txt") is None
