"""The client retries transient errors within its time limit."""

import re
import threading
import time

import numpy as np
import pytest

from serving.client import Client, ServingError
from serving.formats import reason
from tests.serving import client_fixtures
from tests.serving.client_fixtures import floats, same
from tests.serving.grpc_server import GrpcServer, RefusalError
from tests.serving.rest_server import AnswerError, CutError

servers = client_fixtures.servers
served = client_fixtures.served
server = client_fixtures.server
rest = client_fixtures.rest
client = client_fixtures.client
closed = client_fixtures.closed

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"

LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def pauses(monkeypatch):
    """Replaces `time.sleep`; records the pauses of this thread in seconds."""
    pauses_s, here, sleep = [], threading.get_ident(), time.sleep

    def pause(wait_s):
        if threading.get_ident() != here:
            sleep(wait_s)
        elif wait_s:
            pauses_s.append(wait_s)

    monkeypatch.setattr(time, "sleep", pause)
    return pauses_s


REFUSALS = {
    "an unknown model": (
        lambda client: client.predict("tpyes", {}),
        {404: "HTTP 404", "NOT_FOUND": "NOT_FOUND"},
        "metadata of tpyes at ADDRESS: STATUS: Servable not found for request: "
        "Latest(tpyes). Is the model exported, and served under this name and version?",
    ),
    "an unknown version": (
        lambda client: client.predict("types", {}, version=2),
        {404: "HTTP 404", "NOT_FOUND": "NOT_FOUND"},
        "metadata of types, version 2, at ADDRESS: STATUS: Servable not found for "
        "request: Specific(types, 2). Is the model exported, and served under this "
        "name and version?",
    ),
    "no versions": (
        lambda client: client.status("tpyes"),
        {404: "HTTP 404", "NOT_FOUND": "NOT_FOUND"},
        "status of tpyes at ADDRESS: STATUS: Could not find any versions of model "
        "tpyes. Is the model exported, and served under this name and version?",
    ),
    "what the graph refuses": (
        lambda client: client.predict("types", {"x": [np.nan]}, "finite"),
        {400: "HTTP 400", "INVALID_ARGUMENT": "INVALID_ARGUMENT"},
        "x must be finite : Tensor had NaN values. `python -m serving.client metadata "
        "MODEL` lists what a model takes.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_has_the_words_of_the_server_and_is_not_retried(case, client, served):
    ask, statuses, expected = REFUSALS[case]
    client.metadata("types")
    served.calls.clear()
    with pytest.raises(ServingError) as caught:
        ask(client)
    status = caught.value.status
    words = expected.replace("ADDRESS", client._server)
    words = words.replace("STATUS", statuses[status])
    assert str(caught.value).endswith(words)
    assert "\n" not in str(caught.value)
    assert len(served.calls) == 1


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_a_server_that_is_busy_is_asked_again(code, client, served):
    client.metadata("types")
    served.calls.clear()
    served.faults = [RefusalError(code, "busy") for _ in range(2)]
    same(client.predict("types", {"matrix": [[1, 2]]}), {"total": floats(3)})
    assert served.count("predict") == 3


def test_what_does_not_change_is_not_asked_again(client, served):
    served.faults = [RefusalError("FAILED_PRECONDITION", "not\n found")]
    expected = r"(FAILED_PRECONDITION|HTTP 400): not found\. `python -m"
    with pytest.raises(ServingError, match=expected):
        client.status("types")
    assert served.count("status") == 1


TRACES = (
    "[[{{node cond/Assert}}]]",
    "[[{{function_node __inference_signature_wrapper_12}}{{node Reshape}}]]",
    "[[{{node a}}]]\n\t [[StatefulPartitionedCall/b]]",
    "[{{node a}}]",
)


@pytest.mark.parametrize("trace", TRACES)
def test_the_names_of_graph_nodes_are_no_part_of_a_message(trace, client, served):
    for message in (f"bad input\n\t {trace}", "{{function_node f}} bad input"):
        served.faults = [RefusalError("INVALID_ARGUMENT", message)]
        with pytest.raises(ServingError, match=r": bad input\. `python -m"):
            client.status("types")
        assert reason(ValueError(message)) == "bad input"


def test_retries_come_to_an_end_and_are_counted(server, served):
    served.faults = [RefusalError("UNAVAILABLE", "busy") for _ in range(9)]
    expected = (
        r"status of types at \S+: (HTTP 503|UNAVAILABLE): busy \(3 attempts in \d\.\d "
        r"s\)\. It is starting or overloaded: try again later\.$"
    )
    with (
        Client(server.address, retries=2, backoff_s=0.001) as client,
        pytest.raises(ServingError, match=expected) as caught,
    ):
        client.status("types")
    assert caught.value.status in (503, "UNAVAILABLE")
    assert served.count("status") == 3


def test_pauses_double_and_vary(server, served, pauses):
    served.faults = [RefusalError("UNAVAILABLE", "busy") for _ in range(4)]
    with Client(server.address, retries=4, backoff_s=0.1) as client:
        client.status("types")
    for number, pause in enumerate(pauses):
        assert 0.05 * 2**number <= pause <= 0.15 * 2**number
    assert len(set(pauses)) == 4


def test_no_attempt_begins_after_the_time_is_up(server, served):
    served.faults = [RefusalError("UNAVAILABLE", "busy") for _ in range(99)]
    started = time.monotonic()
    expected = r"busy.* \(\d+ attempts in .* The time limit is 0\.5 s"
    with (
        Client(server.address, 0.5, retries=99, backoff_s=0.05) as client,
        pytest.raises(ServingError, match=expected),
    ):
        client.status("types")
    assert time.monotonic() - started < 2
    assert served.count("status") > 1


def test_a_server_that_takes_too_long_is_given_up(server, served):
    served.delay_s = 1.5
    started = time.monotonic()
    expected = (
        r"status of types at \S+: no answer in time\. Ask for less at once, or wait "
        r"longer\. The time limit is 0\.2 s\.$"
    )
    with (
        Client(server.address, timeout_s=0.2) as client,
        pytest.raises(ServingError, match=expected),
    ):
        client.status("types")
    assert time.monotonic() - started < 1.4
    assert served.count("status") == 1


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_is_not_there_is_told_with_the_way_out(scheme, closed):
    address = f"{scheme}://127.0.0.1:{closed}"
    expected = (
        rf"status of types at {address}: connection refused "
        r"\(2 attempts in \d\.\d s\)\. Is it running\? `"
    )
    with (
        Client(address, retries=1, backoff_s=0.01) as client,
        pytest.raises(ServingError, match=expected),
    ):
        client.status("types")


def test_a_server_that_comes_back_is_found_again(servers, served):
    """A gRPC channel also waits between its attempts to connect."""
    with GrpcServer(served) as server, Client(server.address) as client:
        client.status("types")
        server.stop()
        restarted = GrpcServer(served, server.port)
        timer = threading.Timer(0.3, restarted.start)
        timer.start()
        try:
            assert client.status("types")
        finally:
            timer.join()
            restarted.stop()


def test_grpc_takes_answers_of_more_than_4_mib(servers):
    with Client(servers["grpc"].address) as client:
        answer = client.predict("types", {"text": ["a" * 3_000_000]}, "split")
    assert len(answer["words"][0, 0]) == len(answer["words_bytes"][0, 0]) == 3_000_000


def test_a_message_that_is_too_large_is_not_sent_again(servers, served):
    with (
        Client(servers["grpc"].address) as client,
        pytest.raises(ServingError, match=r"larger than max.* Ask for less at once\.$"),
    ):
        client.predict("types", {"text": ["a" * 5_000_000]}, "echo")
    assert served.calls == ["metadata"]


@pytest.mark.parametrize(
    "fault",
    [AnswerError(502, "<html>"), AnswerError(429), CutError(), CutError(HALF)],
    ids=["bad gateway", "too many", "cut off", "half an answer"],
)
def test_rest_asks_again_what_may_pass(fault, rest, served):
    served.faults = [fault, fault]
    with Client(rest.address, backoff_s=0.001) as client:
        assert client.status("types")[0]["version"] == 3
    assert served.count("status") == 3


def test_half_an_answer_is_none(rest, served):
    served.faults = [CutError(HALF, pause_s=1)]
    with (
        Client(rest.address, timeout_s=0.2) as client,
        pytest.raises(ServingError, match="no answer in time"),
    ):
        client.status("types")
    assert served.count("status") == 1


@pytest.mark.parametrize("head", [LONG, CHUNKED], ids=["of known length", "in chunks"])
def test_an_answer_that_drips_is_given_up_in_time(head, rest, served):
    drops = [b"2\r\n  \r\n"] * 40
    served.faults = [CutError(head, *drops, pause_s=0.05)]
    started = time.monotonic()
    with (
        Client(rest.address, timeout_s=0.2) as client,
        pytest.raises(ServingError, match="no answer in time"),
    ):
        client.status("types")
    assert time.monotonic() - started < 1
    assert served.count("status") == 1


def test_rest_waits_as_long_as_the_server_asks(rest, served, pauses):
    served.faults = [AnswerError(503, "busy", {"Retry-After": "7"})]
    with Client(rest.address) as client:
        client.status("types")
    assert pauses == [7]


def test_rest_does_not_wait_longer_than_there_is_time(rest, served, pauses):
    served.faults = [AnswerError(429, "busy", {"Retry-After": "60"})]
    expected = r"HTTP 429: busy\. The server asks to wait 60 s\. .* limit is 30 s"
    with Client(rest.address) as client, pytest.raises(ServingError, match=expected):
        client.status("types")
    assert pauses == []


def test_rest_takes_a_date_to_wait_for_as_none(rest, served, pauses):
    date = {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}
    served.faults = [AnswerError(503, "busy", date)]
    with Client(rest.address, backoff_s=0.1) as client:
        client.status("types")
    assert 0.05 <= pauses[0] <= 0.15


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (AnswerError(200, "<html>"), "expected JSON. Received: <html>. Is it the rig"),
        (AnswerError(200, "[1]"), 'expected "model_version_status". Received: [1].'),
        (AnswerError(302, "", {"Location": "/"}), "HTTP 302: Found."),
        (AnswerError(500, '{"error": "oh\\nno"}'), "HTTP 500: oh no."),
        (AnswerError(500, '{"error": {"a": 1}}'), 'HTTP 500: {"a": 1}.'),
    ],
    ids=["HTML", "other JSON", "elsewhere", "an error", "another error"],
)
def test_rest_tells_what_a_server_of_another_kind_says(fault, expected, rest, served):
    served.faults = [fault]
    expected = re.escape(expected)
    with Client(rest.address) as client, pytest.raises(ServingError, match=expected):
        client.status("types")
    assert served.count("status") == 1


def test_rest_names_outputs_that_another_version_would_give(rest, served):
    with Client(rest.address) as client:
        client.metadata("types")
        served.faults = [AnswerError(200, '{"outputs": [1.0]}')]
        expected = r"expected the outputs cost, dear\. Received: one without a name\. "
        with pytest.raises(ServingError, match=expected):
            client.predict("types", {"count": [1], "price": [2]}, "buy")


def test_metadata_of_another_kind_are_told(rest, served):
    served.faults = [AnswerError(200, '{"metadata": 1}')]
    expected = r"metadata of types .* expected TensorFlow Serving's\. Received: {"
    with Client(rest.address) as client, pytest.raises(ServingError, match=expected):
        client.metadata("types")


def test_a_password_is_not_told(closed):
    with (
        Client(f"http://me:secret@127.0.0.1:{closed}", retries=0) as client,
        pytest.raises(ServingError) as caught,
    ):
        client.status("types")
    assert "secret" not in str(caught.value)
