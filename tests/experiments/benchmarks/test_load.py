"""The load on a server: what is counted, and what is refused."""

import asyncio
import json

import pytest
from fastapi import FastAPI, Response

from experiments.benchmarks import load
from tests.serving.live import serving


@pytest.fixture
def port():
    """A server that refuses every third request."""
    app, asked = FastAPI(), []

    @app.post("/v1/models/{name}:predict")
    async def predict(name: str):
        asked.append(name)
        return Response("{}", 500 if len(asked) % 3 == 0 else 200)

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

    asked = []

    async def one(port, app, clients, seconds):
        asked.append(port)
        await asyncio.sleep(0.01)
        return [0.001 * port] * (20 // port), 0

    monkeypatch.setattr(load, "load", one)
    servers = {load.OURS: Stub(1), load.BASELINE: Stub(2)}
    row = load.measure(servers, "sentiment", 8, 3, 0.1)
    assert asked == [1, 2] * 4  # the first turn warms up
    assert row[load.OURS]["p50_ms"] == 1
    assert row[load.BASELINE]["p99_ms"] == 2
    assert 1 < row["ratio"] < 4


def test_there_are_requests_for_every_app():
    from tests.test_app_contract import APPS

    for app in APPS:
        assert all(list(request) == ["inputs"] for request in load.requests_of(app))
        json.dumps(load.requests_of(app))


def test_a_model_that_is_not_exported_is_refused_in_one_line(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        load.main(["sentimental"])
    said = capsys.readouterr().err
    assert said.startswith("Error: Expected exported models")
    assert said.count("\n") == 1
