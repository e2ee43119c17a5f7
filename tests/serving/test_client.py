"""The client returns the same arrays and errors over REST and gRPC."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from serving.client import Client, ServingError
from tests.serving import client_fixtures
from tests.serving.client_fixtures import Types, floats, objects, same
from tests.serving.signatures import signature_names

servers = client_fixtures.servers
served = client_fixtures.served
server = client_fixtures.server
rest = client_fixtures.rest
client = client_fixtures.client
closed = client_fixtures.closed

ROOT = Path(__file__).parents[2]
TEXTS = ["a joy", "", "na\u00efve \U0001f600", "nul\0", "tab\t\u2028"]


CASES = {
    "floats": ("total", {"matrix": [[1, 2], [3.5, 4]]}, {"total": floats(3, 7.5)}),
    "floats of arrays": (
        "total",
        {"matrix": np.array([[0.1, 0.7]])},
        {"total": floats(0.1) + floats(0.7)},
    ),
    "two inputs": (
        "buy",
        {"price": [0.5, 99], "count": [3, 2]},
        {"cost": floats(1.5, 198), "dear": np.array([False, True])},
    ),
    "one text": ("echo", {"text": ["one"]}, {"echo": objects("one")}),
    "texts": ("echo", {"text": TEXTS}, {"echo": objects(*TEXTS)}),
    "an array of texts": (
        "echo",
        {"text": np.array(["a", "bcd"])},
        {"echo": objects("a", "bcd")},
    ),
    "texts as bytes": (
        "echo",
        {"text": ["\u00e9".encode(), "b"]},
        {"echo": objects("\u00e9", "b")},
    ),
    "bytes": (
        "copy",
        {"image": [b"\0\xff\0", b"", "\u00e9"]},
        {
            "copy_bytes": objects(b"\0\xff\0", b"", b"\xc3\xa9"),
            "size": np.array([3, 0, 2], "int32"),
        },
    ),
    "booleans": ("turn", {"flag": [True, False]}, {"turned": np.array([False, True])}),
    "infinity": (
        "inverse",
        {"x": [0.0, -0.0, np.nan, 2]},
        {"inverse": floats(np.inf, -np.inf, np.nan, 0.5)},
    ),
    "types and shapes": (
        "kinds",
        {"n": [1, 255, 2**24]},
        {
            "uint8": np.array([1, 255, 0], "uint8"),
            "int64": np.array([1, 255, 2**24], "int64"),
            "float64": np.array([1, 255, 2**24], "float64"),
            "float32": floats(1, 255, 2**24),
            "none": np.zeros((3, 0, 3), "float32"),
            "sum": np.array(256 + 2**24, "int64"),
        },
    ),
    "large integers": (
        "kinds",
        {"n": [2**62 + 1]},
        {
            "uint8": np.array([1], "uint8"),
            "int64": np.array([2**62 + 1], "int64"),
            "float64": np.array([2.0**62]),
            "float32": floats(2.0**62),
            "none": np.zeros((1, 0, 3), "float32"),
            "sum": np.array(2**62 + 1, "int64"),
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_rest_and_grpc_give_the_same_arrays(case, client):
    signature, inputs, outputs = CASES[case]
    answer = client.predict("types", inputs, signature)
    same(dict(sorted(answer.items())), outputs)


def test_rows_of_no_pairs_need_grpc(servers, served):
    none = {"pairs": np.zeros((2, 0, 2))}
    with Client(servers["grpc"].address) as client:
        same(client.predict("types", none, "pairs"), {"sums": floats(0, 0)})
    expected = r"types, signature pairs: input pairs: .* shape \(2, 0, 2\), which JSON"
    with (
        Client(servers["rest"].address) as client,
        pytest.raises(ValueError, match=expected),
    ):
        client.predict("types", none, "pairs")
    assert served.count("predict") == 1


NO_ROWS = {
    "texts": ("echo", {"text": []}),
    "arrays": ("serving_default", {"matrix": np.zeros((0, 2))}),
    "two columns": ("buy", {"count": [], "price": []}),
}


@pytest.mark.parametrize("method", ["predict", "predict_batches"])
@pytest.mark.parametrize("case", NO_ROWS)
def test_zero_rows_are_refused_before_they_are_sent(case, method, server, served):
    signature, inputs = NO_ROWS[case]
    expected = (
        f"types, signature {signature}: expected at least one row. Received: none. "
        "Give a row: TensorFlow Serving never answers a batch of zero rows."
    )
    with (
        Client(server.address, timeout_s=0.5) as client,
        pytest.raises(ValueError, match=f"^{re.escape(expected)}$"),
    ):
        list(getattr(client, method)("types", inputs, signature=signature))
    assert served.count("predict") == 0


@pytest.mark.parametrize(("count", "calls"), [(64, 1), (65, 2), (150, 3)])
def test_a_large_batch_goes_in_calls_that_tensorflow_serving_takes(
    count, calls, client, served
):
    matrix = np.arange(2 * count, dtype="float32").reshape(count, 2)
    same(client.predict("types", {"matrix": matrix}), {"total": matrix.sum(axis=1)})
    assert served.count("predict") == calls


def test_the_server_refuses_what_the_client_does_not_cut(server):
    expected = "Task size 65 is larger than maximum input batch size 64"
    with (
        Client(server.address, max_rows=65) as client,
        pytest.raises(ServingError, match=expected),
    ):
        client.predict("types", {"matrix": np.zeros((65, 2))})


@pytest.mark.parametrize("max_rows", [1, 2, 3])
def test_answers_of_several_calls_are_joined_as_one_call_pads_them(max_rows, server):
    texts = ["", "", "a bore of a film", "", "na\u00efve", "a joy", "so so", "x y z"]
    with Client(server.address) as client:
        whole = client.predict("types", {"text": texts}, "split")
    with Client(server.address, max_rows=max_rows) as client:
        joined = client.predict("types", {"text": texts}, "split")
    assert whole["words"].shape == (8, 5)
    same(dict(sorted(joined.items())), whole)


def test_batches_above_the_limit_go_in_several_calls_each(server, served):
    matrix = np.arange(14, dtype="float32").reshape(7, 2)
    with Client(server.address, max_rows=2) as client:
        answers = list(client.predict_batches("types", {"matrix": matrix}, 5))
    assert [len(answer["total"]) for answer in answers] == [5, 2]
    totals = np.concatenate([answer["total"] for answer in answers])
    np.testing.assert_array_equal(totals, matrix.sum(axis=1))
    assert served.count("predict") == 3 + 1


def test_an_output_without_a_batch_cannot_be_joined_and_nothing_is_sent(client, served):
    expected = (
        r"types, signature kinds: output sum, int64 \(\), has no batch dimension.* "
        r"Received: 65 rows\. Give at most 64, or set max_rows\."
    )
    with pytest.raises(ValueError, match=expected):
        client.predict("types", {"n": np.arange(65)}, "kinds")
    assert served.count("predict") == 0


def test_an_output_with_other_rows_than_were_sent_is_not_joined(client):
    expected = r"output first: expected \[64, 1\] rows .* \[\(1,\), \(1,\)\]"
    with pytest.raises(ServingError, match=expected):
        client.predict("types", {"x": np.arange(65.0)}, "first")


@pytest.mark.parametrize("version", [None, 3])
def test_a_version_may_be_named(version, client):
    answer = client.predict("types", {"matrix": [[1, 2]]}, version=version)
    same(answer, {"total": floats(3)})


@pytest.mark.parametrize("name", ["types#2", "types?", "types/versions/3", "a b"])
def test_any_character_may_be_in_the_name_of_a_model(name, client):
    expected = re.escape(f"Could not find any versions of model {name}. Is")
    with pytest.raises(ServingError, match=expected):
        client.status(name)


def test_the_status_lists_all_versions(client):
    ok = {"state": "AVAILABLE", "error_code": "OK", "error_message": ""}
    expected = [{"version": 2, **ok}, {"version": 1, **ok}]
    assert client.status("renamed") == expected
    assert client.status("renamed", version=1) == expected[1:]


def test_metadata_tell_types_and_shapes_and_are_asked_once(server, served):
    with Client(server.address) as client:
        metadata = client.metadata("types")
        client.predict("types", {"matrix": [[1, 2]]})
        assert client.metadata("types") is metadata
    assert served.count("metadata") == 1
    known = signature_names(Types)
    assert list(metadata) == sorted([*known, "serving_default"])
    assert metadata["serving_default"] == {
        "inputs": {"matrix": ("float32", (None, 2))},
        "outputs": {"total": ("float32", (None,))},
    }
    assert metadata["copy"] == {
        "inputs": {"image": ("string", (None,))},
        "outputs": {"copy_bytes": ("string", (None,)), "size": ("int32", (None,))},
    }
    assert metadata["kinds"]["outputs"]["sum"] == ("int64", ())


def test_long_columns_go_in_batches(client, served):
    matrix = np.arange(14, dtype="float32").reshape(7, 2)
    answers = client.predict_batches("types", {"matrix": matrix}, batch_size=3)
    answers = [answer["total"] for answer in answers]
    assert [len(answer) for answer in answers] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(answers), matrix.sum(axis=1))
    assert served.count("predict") == 3


def test_batches_may_differ_in_their_other_dimensions(client):
    texts = ["a b c", "a", "b"]
    answers = client.predict_batches("types", {"text": texts}, 2, signature="split")
    shapes = [answer["words"].shape for answer in answers]
    assert shapes == [(2, 3), (1, 1)]


BAD_INPUTS = {
    "a missing input": (
        ("buy", {"count": [1]}),
        "types, signature buy: expected the inputs count: int32 (?,), price: float32 "
        "(?,). Received: count (price missing). Give exactly the expected inputs.",
    ),
    "an unknown input": (
        ("total", {"matrix": [[1, 2]], "vector": [1]}),
        "Received: matrix, vector (vector unknown).",
    ),
    "no input": (("total", {}), "Received: none (matrix missing)."),
    "an unknown signature": (
        ("totla", {}),
        "types: expected one of its signatures, buy, copy, echo",
    ),
    "a row for a batch": (
        ("total", {"matrix": [1, 2]}),
        "types, signature total: input matrix: expected float32 (?, 2). Received: "
        "shape (2,). The first dimension is the batch: put the value into a list.",
    ),
    "a text for a batch": (
        ("echo", {"text": "a joy"}),
        "Received: a single value. The first dimension is the batch: put the value",
    ),
    "rows of another length": (
        ("total", {"matrix": [[1, 2, 3]]}),
        "Received: shape (1, 3). Give arrays of these dimensions.",
    ),
    "rows of differing lengths": (
        ("total", {"matrix": [[1, 2], [3]]}),
        "Received: rows of differing lengths. Pad them to one length.",
    ),
    "texts of differing lengths": (
        ("echo", {"text": [["a", "b"], ["c"]]}),
        "Received: rows of differing lengths.",
    ),
    "a number for a text": (("echo", {"text": ["a", 1]}), "Received: 1. Give str or"),
    "None for a text": (("echo", {"text": [None]}), "Received: None. Give str or"),
    "an unpaired surrogate": (
        ("echo", {"text": ["a\ud800"]}),
        r"Received: 'a\ud800', which contains an unpaired surrogate. Give text that",
    ),
    "texts for numbers": (
        ("total", {"matrix": [["a", "b"]]}),
        "Received: <U1, as 'a'. Give numbers.",
    ),
    "None for a number": (
        ("inverse", {"x": [None]}),
        "Received: object, as [None]. Give numbers.",
    ),
    "booleans for numbers": (
        ("inverse", {"x": [True]}),
        "Received: bool, as True. Give numbers.",
    ),
    "fractions for whole numbers": (
        ("kinds", {"n": [1.5]}),
        "Received: float64, as 1.5. Give whole numbers.",
    ),
    "whole numbers for booleans": (
        ("turn", {"flag": [1]}),
        "Received: int64, as 1. Give booleans.",
    ),
    "a whole number out of range": (
        ("buy", {"count": [2**31], "price": [1]}),
        "Received: 2147483648. Give whole numbers from -2147483648 to 2147483647.",
    ),
    "a number out of range": (
        ("inverse", {"x": [1e39]}),
        "Received: a number beyond 3.4e+38. Give numbers.",
    ),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_inputs_are_told_before_they_are_sent(case, client, served):
    (signature, inputs), expected = BAD_INPUTS[case]
    with pytest.raises(ValueError, match=re.escape(expected)):
        client.predict("types", inputs, signature)
    assert served.count("predict") == 0


def test_columns_of_differing_lengths_are_told_before_they_are_sent(client, served):
    columns = {"count": [1, 2], "price": [1.0]}
    for method in (client.predict, client.predict_batches):
        with pytest.raises(ValueError, match=r"Received: \{'count': 2, 'price': 1\}"):
            method("types", columns, signature="buy")
    with pytest.raises(ValueError, match="batch_size: expected 1 or more"):
        client.predict_batches("types", columns, 0, signature="buy")
    assert served.count("predict") == 0


def test_a_new_version_may_take_other_inputs(server, served):
    served.hidden = {("renamed", 2)}
    with Client(server.address) as client:
        same(client.predict("renamed", {"old": [1]}), {"old": np.array([1], "int32")})
        served.hidden = set()
        same(client.predict("renamed", {"new": [1]}), {"new": np.array([1], "int32")})
        assert served.count("metadata") == 2
        served.hidden = {("renamed", 2)}
        with pytest.raises(ServingError):
            client.predict("renamed", {"new": [1]})
        same(client.predict("renamed", {"old": [1]}), {"old": np.array([1], "int32")})


def test_bytes_that_are_no_text_need_a_name_that_says_so(servers):
    """The output contains bytes, but its name does not end in `_bytes`."""
    expected = r"output copy: expected string .* Bytes need a name that ends in _bytes"
    with (
        Client(servers["grpc"].address) as client,
        pytest.raises(ServingError, match=expected),
    ):
        client.predict("types", {"image": [b"\xff"]}, "unmarked")


def test_rest_keeps_its_connection(rest):
    rest.connections.clear()
    with Client(rest.address) as client:
        for _ in range(3):
            client.predict("types", {"matrix": [[1, 2]]})
    assert len(rest.connections) == 1


def test_threads_may_share_a_client(client):
    totals = {}

    def ask(number):
        for _ in range(3):
            answer = client.predict("types", {"matrix": [[number, 1]]})
            totals.setdefault(number, []).append(answer["total"][0])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == {number: [number + 1] * 3 for number in range(4)}


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8501",
        "ftp://a:1",
        "http://",
        "http://a:x",
        "grpc://a",
        "grpc://a:1/b",
    ],
)
def test_an_address_of_another_kind_is_refused(address):
    expected = f"expected http://HOST:PORT, .* Received: {address}"
    with pytest.raises(ValueError, match=expected):
        Client(address)


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout_s": 0},
        {"timeout_s": np.nan},
        {"retries": -1},
        {"backoff_s": np.inf},
        {"max_rows": 0},
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Client("http://a:1", **settings)


def test_rest_needs_neither_tensorflow_nor_grpc():
    code = (
        "import sys; from serving.client import Client; Client('http://127.0.0.1:1'); "
        "print([name for name in ('tensorflow', 'grpc') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
    assert process.stdout.decode().strip() == "[]"


@pytest.mark.slow
def test_the_embedded_server_is_asked_as_tensorflow_serving_is(exports, closed):
    command = [sys.executable, "-m", "serving.server", str(exports)]
    process = subprocess.Popen([*command, "--port", str(closed)], cwd=ROOT)
    try:
        address = f"http://127.0.0.1:{closed}"
        with Client(address, timeout_s=120, retries=1000, backoff_s=1e-3) as client:
            assert client.status("types")[0]["version"] == 3
        with Client(address) as client:
            inputs = client.metadata("types")["serving_default"]["inputs"]
            assert inputs == {"matrix": ("float32", (None, 2))}
            same(client.predict("types", {"matrix": [[1, 2]]}), {"total": floats(3)})
            answer = client.predict("types", {"image": [b"\xff", b""]}, "copy")
            same(answer, {"copy_bytes": objects(b"\xff", b"")})
            answer = client.predict("types", {"text": ["\u00e9a", ""]}, "upper")
            same(answer, {"upper": objects("\u00e9A", "")})
            answer = client.predict("sentiment", {"text": ["a good film", ""]})
            assert set(answer["label"]) <= {"negative", "positive"}
            assert answer["probabilities"].dtype == "float32"
            with pytest.raises(ServingError, match="HTTP 404: Servable not found"):
                client.predict("tpyes", {})
            with pytest.raises(ServingError, match="x must be finite"):
                client.predict("types", {"x": [np.nan]}, "finite")
    finally:
        process.terminate()
        process.wait()
