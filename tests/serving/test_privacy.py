"""The server's log contains no texts of users."""

import http.client
import json
import logging
import shutil

import pytest

from serving.application import FAILED
from tests.faults.server_process import end, free_port, start

MARK = "Rosebud17"
FAILING = """
from serving.engine import Signature
answer = Signature.__call__
def call(self, arrays):
    if "text" in arrays and b"fail" in arrays["text"][0]:
        raise RuntimeError("cannot read " + arrays["text"][0].decode())
    return answer(self, arrays)
Signature.__call__ = call
"""


def ask(port, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, body)
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, content


@pytest.fixture(scope="module")
def types(exports, tmp_path_factory):
    directory = tmp_path_factory.mktemp("private")
    shutil.copytree(exports / "types", directory / "types")
    return directory


def upper(text):
    return json.dumps({"signature_name": "upper", "inputs": [text]})


@pytest.mark.parametrize("debug", [False, True])
def test_no_text_of_a_user_is_in_the_log_unless_it_is_asked_for(
    debug, types, tmp_path, monkeypatch
):
    """A real server and its log, with valid, refused, failing and broken requests."""
    if debug:
        monkeypatch.setenv("CAROUSEL_DEBUG", "1")
    port, log = free_port(), tmp_path / "log"
    server = start(types, port, log, before=FAILING)
    path = "/v1/models/types:predict"
    try:
        assert ask(port, path, upper(f"{MARK} a")) == (
            200,
            json.dumps({"outputs": [f"{MARK} a".upper()]}, separators=(",", ":")),
        )
        for body in (f'{{"{MARK}', json.dumps({"inputs": MARK}), upper([MARK, 1])):
            assert ask(port, path, body)[0] == 400
        assert ask(port, f"/v1/models/{MARK}:predict", "{}")[0] == 404
        assert ask(port, f"/{MARK}?q={MARK}", MARK)[0] in (404, 405)
        assert ask(port, path, upper(f"{MARK} fail")) == (
            500,
            json.dumps({"error": FAILED}, separators=(",", ":")),
        )
        assert ask(port, path, upper("still here"))[0] == 200
    finally:
        end(server)
    logged = log.read_text()
    assert "RuntimeError" in logged
    assert (MARK in logged) == debug
    if not debug:
        (line,) = [line for line in logged.splitlines() if "RuntimeError" in line]
        assert line.startswith("A request failed: RuntimeError at ")
        assert line.endswith("in call")


def test_a_request_that_fails_is_counted_as_500(types, client, monkeypatch, caplog):
    from serving.engine import Signature

    def fail(self, arrays):
        raise KeyError(MARK)

    monkeypatch.setattr(Signature, "__call__", fail)
    with caplog.at_level(logging.DEBUG):
        answer = client.post("/v1/models/types:predict", content=upper(MARK))
    assert answer.status_code == 500
    assert answer.json() == {"error": FAILED}
    ours = [r for r in caplog.records if r.name.startswith(("carousel", "uvicorn"))]
    assert not [r for r in ours if MARK in r.getMessage()]
    text = client.get("/monitoring/prometheus/metrics").text
    assert 'carousel_requests_total{code="500",model="types"}' in text
