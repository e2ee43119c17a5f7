"""The application without a model: it reads, counts and refuses requests."""

import asyncio
import contextlib
import gzip
import re
import tracemalloc

import pytest
from fastapi.testclient import TestClient

from serving.application import WEB, create_app
from serving.engine import RequestError
from serving.limits import MAX_BODIES, Limits, Reader, decompress


async def read(reader, request):
    async with reader.read(request) as body:
        return body


class Body:
    """A request whose body arrives after an event."""

    def __init__(self, go):
        self.go, self.headers = go, {}

    async def stream(self):
        await self.go.wait()
        yield b"{}"


def test_bodies_that_come_at_once_are_limited_in_number():
    async def send_three():
        go = asyncio.Event()
        reader = Reader(Limits(waiting=2))
        first = [asyncio.create_task(read(reader, Body(go))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match="Try again in a moment") as caught:
            await read(reader, Body(go))
        assert caught.value.status == 503
        go.set()
        assert await asyncio.gather(*first) == [b"{}", b"{}"]
        assert await read(reader, Body(go)) == b"{}"

    asyncio.run(send_three())


def test_a_body_that_is_too_long_is_not_kept():
    sizes = []

    class Part(bytes):
        def __init__(self, _):
            sizes.append(len(self))

        def __del__(self):
            sizes.pop()

    class Long:
        async def stream(self):
            for _ in range(50):
                assert len(sizes) <= 2
                yield Part(b" " * 1000)

    with pytest.raises(RequestError, match=r"Expected at most 0\.002 MB") as caught:
        asyncio.run(read(Reader(Limits(body_mb=0.002)), Long()))
    assert caught.value.status == 413


class Zipped:
    """A request with a gzip body."""

    def __init__(self, content):
        self.content, self.headers = content, {"Content-Encoding": "gzip"}

    async def stream(self):
        yield gzip.compress(self.content)


def test_a_gzip_body_is_limited_by_what_it_unpacks_to():
    reader = Reader(Limits(body_mb=0.002))
    whole = b" " * 2000
    assert asyncio.run(read(reader, Zipped(whole))) == whole
    with pytest.raises(RequestError, match=r"Expected at most 0\.002 MB") as caught:
        asyncio.run(read(reader, Zipped(whole + b" ")))
    assert caught.value.status == 413


def test_the_bodies_under_way_are_limited_in_all_their_bytes():
    """A gzip body counts as what it unpacks to, until its answer is there."""

    async def hold_all():
        reader = Reader(Limits(body_mb=0.002))
        request = Zipped(b" " * 1900)
        async with contextlib.AsyncExitStack() as answering:
            for _ in range(MAX_BODIES):
                await answering.enter_async_context(reader.read(request))
            with pytest.raises(RequestError, match="Too many bytes") as caught:
                await read(reader, request)
            assert caught.value.status == 503
        assert len(await read(reader, request)) == 1900
        assert reader._bytes == 0

    asyncio.run(hold_all())


def test_of_a_gzip_body_no_more_than_the_limit_is_unpacked():
    tracemalloc.start()
    packed = gzip.compress(bytes(20_000_000))
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    with pytest.raises(RequestError, match="Expected at most"):
        decompress(packed, Limits(body_mb=0.002))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < 1_000_000


@pytest.fixture
def arguments(monkeypatch):
    """Replaces the reader and the scheduler; records their arguments."""
    calls = {}

    def note(name):
        return lambda *values: calls.update({name: values})

    for name in ("Reader", "Scheduler"):
        monkeypatch.setattr(f"serving.application.{name}", note(name))
    return calls


def test_the_application_has_the_limits_of_the_server_by_default(arguments):
    create_app([])
    assert arguments["Reader"] == (Limits(body_mb=16.0, timeout_s=30.0, waiting=512),)
    assert arguments["Scheduler"][:2] == (512, True)


def test_the_scheduler_lets_as_many_wait_as_the_limits_say_and_joins_if_told(arguments):
    create_app([], Limits(waiting=3), join=False)
    assert arguments["Scheduler"][:2] == (3, False)


def test_who_is_told_to_come_again_is_told_when():
    answer = TestClient(create_app([])).get("/healthz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


def test_each_script_that_the_page_imports_is_served():
    client = TestClient(create_app([]))
    scripts = {"app.js"}
    for path in WEB.glob("*.js"):
        scripts |= set(re.findall(r'from "\./(.*)"', path.read_text(encoding="utf-8")))
    assert "heatmap.js" in scripts
    for name in scripts:
        answer = client.get(f"/{name}")
        assert answer.status_code == 200, name
        assert answer.headers["Content-Type"].startswith("text/javascript"), name


class OneModel:
    """A list of one model that refuses all requests."""

    name, version = "types", 3

    def __iter__(self):
        return iter([self])

    def serves(self, name):
        return name == self.name

    def get(self, name, version):
        raise RequestError(404, "Servable not found")


def test_the_metrics_hold_the_time_that_a_request_takes():
    client = TestClient(create_app(OneModel()))
    client.post("/v1/models/types:predict", content=b"{}")
    lines = client.get("/monitoring/prometheus/metrics").text.splitlines()
    assert 'carousel_request_seconds_count{model="types"} 1.0' in lines
    (total,) = [line for line in lines if "carousel_request_seconds_sum" in line]
    assert 0 < float(total.split()[-1]) < 10
