"""The load on a server: what it counts and refuses, and its table."""

import asyncio
import json

import pytest
from fastapi import FastAPI, Response

from experiments.benchmarks import load
from experiments.benchmarks.load_clients import requests_of
from tests.serving.live import serving


@pytest.fixture
def port():
    """A server that refuses every third request."""
    app, requests = FastAPI(), []

    @app.post("/v1/models/{name}:predict")
    async def predict(name: str):
        requests.append(name)
        return Response("{}", 500 if len(requests) % 3 == 0 else 200)

    with serving(app) as number:
        yield number


def test_answers_are_timed_and_failures_counted(port):
    latencies, failed = asyncio.run(load.load(port, "sentiment", 3, 0.3))
    assert len(latencies) >= 9
    assert failed == len(latencies) // 3
    assert all(0 < seconds < 1 for seconds in latencies)


def test_a_connection_that_breaks_is_a_failure():
    async def meet():
        async with await asyncio.start_server(
            lambda reader, writer: writer.close(), "127.0.0.1", 0
        ) as server:
            port = server.sockets[0].getsockname()[1]
            return await load.load(port, "sentiment", 2, 0.2)

    assert asyncio.run(meet()) == ([], 2)


def test_servers_take_turns(monkeypatch):
    class Stub:
        def __init__(self, port):
            self.port = port

    ports = []

    async def one(port, app, clients, seconds):
        ports.append(port)
        await asyncio.sleep(0.01)
        return [0.001 * port] * (20 // port), 0

    monkeypatch.setattr(load, "load", one)
    servers = {load.OURS: Stub(1), load.BASELINE: Stub(2)}
    row = load.measure(servers, "sentiment", 8, 3, 0.1)
    assert ports == [1, 2] * 4  # the first turn warms up
    assert row[load.OURS]["p50_ms"] == 1
    assert row[load.BASELINE]["p99_ms"] == 2
    assert 1 < row["ratio"] < 4


def test_there_are_requests_for_every_app():
    from tests.test_app_contract import APPS

    for app in APPS:
        assert all(list(request) == ["inputs"] for request in requests_of(app))
        json.dumps(requests_of(app))


def test_a_model_that_is_not_exported_is_refused_in_one_line(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        load.main(["sentimental"])
    error = capsys.readouterr().err
    assert error.startswith("Error: Expected exported models")
    assert error.count("\n") == 1


def test_the_table_of_the_load_has_a_row_for_each_number_of_clients(tmp_path):
    def row(rate, p99):
        times = {"p50_ms": p99 / 4, "p95_ms": p99 / 2, "p99_ms": p99}
        return {"requests_per_second": rate, "failed": 0, **times}

    rows = {"joined": row(900.4, 20.0), "one by one": row(300.2, 80.0), "ratio": 3.0}
    result = {
        "load": {"sentiment": {"8": rows, "32": rows}},
        "hardware": "2 cores of a test",
        "date": "2026-01-01",
    }
    path = tmp_path / "load.json"
    path.write_text(json.dumps(result))
    lines = load.recorded_table(path).splitlines()
    cells = [cell.strip() for cell in lines[3].split("|")[1:-1]]
    assert cells == [
        "sentiment",
        "32",
        "900",
        "5.0",
        "10.0",
        "20.0",
        "300",
        "80.0",
        "3.00",
    ]
    measured = "Measured on 2 cores of a test, 2026-01-01."
    worse = "With 32 clients batching makes p99 worse for:"
    assert lines[-1] == f"{measured} {worse} none."
    slow = {"joined": row(900.4, 90.6), "one by one": row(300.2, 80.0), "ratio": 3.0}
    both = {"8": slow, "32": rows}, {"8": rows, "32": slow}
    load_of_both = dict(zip(("sentiment", "summarization"), both, strict=True))
    path.write_text(json.dumps({**result, "load": load_of_both}))
    note = load.recorded_table(path).splitlines()[-1]
    assert note == f"{measured} {worse} summarization (91 ms, else 80)."
    soak = {"app": "sentiment", "clients": 32, "minutes": 10, "versions": 10}
    soak |= {"answered": 1234567, "failed": 0, "p99_ms": 41.2}
    soak |= {"megabytes_by_minute": [900, 910, 912, 911]}
    soak |= {"hardware": "2 cores of Other", "date": "2026-02-01"}
    path.write_text(json.dumps({**result, "soak": soak}))
    note = load.recorded_table(path).splitlines()[-1]
    assert "on sentiment (2 cores of Other, 2026-02-01), with 10 versions" in note
    assert "1,234,567 answers, 0 failures, memory by minute 900, 910" in note
