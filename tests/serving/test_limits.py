"""The server withstands long, slow, broken and many simultaneous requests."""

import concurrent.futures
import gzip
import http.client
import json
import shutil
import socket
import time

import pytest
from fastapi.testclient import TestClient

from serving.application import LONG_LISTS_BYTES, create_app
from serving.formats import parse
from serving.limits import Limits
from serving.models import Models, find_models
from tests.serving.live import serving, talk

BODY = json.dumps({"instances": [[1, 2], [3, 4]]}).encode()
PATH = "/v1/models/types:predict"


def request(length, path=PATH):
    return (
        f"POST {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def load_models(directory):
    models = Models(lambda: find_models([directory]))
    models.refresh()
    return models


@pytest.fixture(scope="module")
def types(exports, tmp_path_factory):
    """A directory with only the model `types`."""
    directory = tmp_path_factory.mktemp("types")
    shutil.copytree(exports / "types", directory / "types")
    return directory


@pytest.fixture(scope="module")
def port(types):
    limits = Limits(body_mb=1.0, timeout_s=1.0, waiting=512)
    with serving(create_app(load_models(types), limits)) as number:
        yield number


def ask(port, body=BODY, path=PATH):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


@pytest.fixture(autouse=True)
def _still_answers(port):
    """Checks after each test that the server still answers."""
    yield
    assert ask(port) == (200, b'{"predictions":[3.0,7.0]}')


@pytest.mark.parametrize("announced", [True, False])
def test_fifty_megabytes_are_refused(port, announced):
    block = b" " * 1_000_000
    if announced:
        answer = talk(port, request(50_000_000), *[block] * 50)
    else:
        head = request(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        chunk = b"%x\r\n%s\r\n" % (len(block), block)
        answer = talk(port, head, *[chunk] * 50, b"0\r\n\r\n")
    assert answer.startswith("HTTP/1.1 413")
    assert "Expected at most 1 MB. Received: 50.0." in answer


@pytest.mark.parametrize("zipped", [True, False])
def test_a_body_of_too_many_values_is_refused_before_it_is_parsed(zipped, types):
    body = b'{"instances": [%s[]]}' % (b"[]," * 100_000)
    headers = {"Content-Encoding": "gzip"} if zipped else {}
    body = gzip.compress(body) if zipped else body
    with TestClient(create_app(load_models(types), Limits(body_mb=1.0))) as client:
        answer = client.post(PATH, content=body, headers=headers)
    assert answer.status_code == 413
    message = "Expected at most 125000 commas and brackets. Received: 200003. Send"
    assert answer.json()["error"].startswith(message)


def test_one_long_body_is_converted_at_a_time(types, monkeypatch):
    running, most = [], []

    def parse_slowly(body, load):
        running.append(body)
        most.append(len(running))
        time.sleep(0.02)
        running.pop()
        return parse(body, load)

    monkeypatch.setattr("serving.application.parse", parse_slowly)
    body = BODY + b" " * LONG_LISTS_BYTES
    with (
        serving(create_app(load_models(types))) as port,
        concurrent.futures.ThreadPoolExecutor(4) as pool,
    ):
        answers = list(pool.map(lambda _: ask(port, body)[0], range(8)))
    assert answers == [200] * 8
    assert max(most) == 1


def test_a_body_that_does_not_come_is_given_up(port):
    answer = talk(port, request(len(BODY)), BODY[:5])
    assert answer.startswith("HTTP/1.1 408")
    assert "did not arrive within 1 seconds" in answer


def test_a_body_that_drips_is_given_up(port):
    pieces = [BODY[n : n + 1] for n in range(12)]
    answer = talk(port, request(len(BODY)), *pieces, pause=0.15)
    assert answer.startswith("HTTP/1.1 408")


def test_a_connection_that_is_cut_off_is_no_failure(port):
    for sent in (b"", b"POST /v1", request(100), request(100) + BODY):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(sent)
    time.sleep(0.2)
    _, metrics = get(port, "/monitoring/prometheus/metrics")
    assert b'code="500"' not in metrics


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


@pytest.mark.parametrize("sent", [b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"A" * 100_000])
def test_what_is_not_http_is_refused(port, sent):
    answer = talk(port, sent + b"\r\n\r\n")
    assert not answer or answer.startswith("HTTP/1.1 4")


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "types/../types",
        "types%00",
        "types/versions/../../../etc",
        "%ff",
        "a" * 5000,
    ],
)
def test_no_path_leads_out_of_the_models(port, name):
    for path in (f"/v1/models/{name}", f"/v1/models/{name}/metadata", f"/{name}"):
        status, content = get(port, path)
        assert status in (400, 404, 414)
        assert b"root:" not in content
    assert ask(port, path=f"/v1/models/{name}:predict")[0] in (400, 404, 405, 414)


def test_five_hundred_connections_are_held(port):
    connections = []
    try:
        for _ in range(500):
            connections.append(socket.create_connection(("127.0.0.1", port), 10))
        assert ask(port)[0] == 200
        connections[-1].sendall(request(len(BODY)) + BODY)
        assert connections[-1].recv(100).startswith(b"HTTP/1.1 200")
    finally:
        for connection in connections:
            connection.close()


def test_two_hundred_clients_at_once_are_answered(port):
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: ask(port)[0], range(400)))
    assert set(answers) == {200}


def test_an_answer_that_takes_too_long_is_given_up(types):
    """The signature `count` is slow: it counts to its input in steps of one."""
    limits = Limits(timeout_s=0.1)
    with TestClient(create_app(load_models(types), limits)) as client:
        body = {"inputs": [200_000], "signature_name": "count"}
        answer = client.post(PATH, json=body)
        assert answer.status_code == 504
        assert answer.json() == {"error": "No answer within 0.1 seconds."}
        body["inputs"] = [30]
        for _ in range(60):  # until the abandoned request has ended
            answer = client.post(PATH, json=body)
            if answer.status_code == 200:
                break
        assert answer.json() == {"outputs": [30]}


def test_other_origins_may_ask_only_if_they_are_let(types):
    models = load_models(types)
    headers = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "POST"}
    for cors, allowed in ((False, None), (True, "*")):
        with TestClient(create_app(models, cors=cors)) as client:
            for answer in (
                client.post(PATH, content=BODY, headers={"Origin": "http://elsewhere"}),
                client.options(PATH, headers=headers),
            ):
                assert answer.headers.get("Access-Control-Allow-Origin") == allowed


def test_the_page_may_load_nothing_from_elsewhere(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.status == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert b"<html" in answer.read()
    connection.close()


def test_metrics_count_requests_by_model_and_code(types):
    with TestClient(create_app(load_models(types))) as client:
        for path in (PATH, PATH, PATH.replace("types", "nothing")):
            client.post(path, content=BODY)
        client.post(PATH, content=b"{}")
        text = client.get("/monitoring/prometheus/metrics").text
    for line in (
        'carousel_requests_total{code="200",model="types"} 2.0',
        'carousel_requests_total{code="400",model="types"} 1.0',
        'carousel_requests_total{code="404",model="unknown"} 1.0',
        'carousel_model_version{model="types"} 3.0',
        "carousel_joined_requests_count 2.0",
    ):
        assert line in text.splitlines()


def test_health_says_whether_there_is_a_model(types, tmp_path):
    for directory, status in ((types, 200), (tmp_path, 503)):
        with TestClient(create_app(load_models(directory))) as client:
            assert client.get("/healthz").status_code == status


def test_the_models_are_listed(types):
    with TestClient(create_app(load_models(types))) as client:
        assert client.get("/v1/models").json() == {"models": ["types"], "cells": {}}


def test_a_new_version_appears_without_a_request_that_fails(types, tmp_path):
    directory = tmp_path / "models"
    shutil.copytree(types / "types", directory / "types")
    app = create_app(load_models(directory), poll_s=0.05)
    with serving(app) as port:
        shutil.copytree(directory / "types" / "3", directory / "types" / ".4")
        (directory / "types" / ".4").rename(directory / "types" / "4")
        deadline, answers = time.monotonic() + 60, []
        while time.monotonic() < deadline:
            answers.append(ask(port)[0])
            _, status = get(port, "/v1/models/types")
            if b'"version":"4"' in status:
                break
        assert b'"version":"4"' in status
        assert set(answers) == {200}


def test_requests_under_way_are_answered_before_the_server_ends(types):
    body = json.dumps({"inputs": [200_000], "signature_name": "count"}).encode()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with serving(create_app(load_models(types))) as port:
            ask(port, body.replace(b"200000", b"1"))
            answer = pool.submit(ask, port, body)
            time.sleep(0.1)
        assert answer.result() == (200, b'{"outputs":[200000]}')


def test_the_description_names_every_route(types):
    with TestClient(create_app(load_models(types))) as client:
        paths = client.get("/openapi.json").json()["paths"]
    model, version = "/v1/models/{name}", "/v1/models/{name}/versions/{version}"
    got = ["/v1/models", model, version, f"{model}/metadata", f"{version}/metadata"]
    got += [f"{model}/cell", f"{version}/cell"]
    got += ["/monitoring/prometheus/metrics", "/healthz"]
    posted = [f"{model}:predict", f"{version}:predict"]
    assert {(path, *methods) for path, methods in paths.items()} == {
        *((path, "get") for path in got),
        *((path, "post") for path in posted),
    }


@pytest.mark.slow
def test_what_a_thousand_random_requests_meet_is_described(types):
    schemathesis = pytest.importorskip("schemathesis")
    import hypothesis
    from schemathesis.specs.openapi import checks

    response_checks = [
        *(checks.status_code_conformance, checks.content_type_conformance),
        checks.response_schema_conformance,
    ]
    app = create_app(load_models(types))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    statuses = []
    for operation in schema.get_all_operations():
        cases = operation.ok().as_strategy()

        @hypothesis.given(case=cases)
        @hypothesis.settings(
            max_examples=200,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        def check_case(case):
            if len(statuses) % 2 and "name" in (case.path_parameters or {}):
                # No random path names an existing model.
                case.path_parameters.update(name="types", version="3")
            answer = case.call()
            statuses.append(answer.status_code)
            assert answer.status_code < 500
            case.validate_response(answer, checks=response_checks)

        check_case()
    assert len(statuses) >= 1000
