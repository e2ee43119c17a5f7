"""The server answers odd requests as docs/tensorflow_serving.md says.

Its first table has what TensorFlow Serving answers, too; its second has what differs.
The keys of `ALIKE`, `DIFFERENT` and `ELSEWHERE` are the first cells of the rows.
"""

import gzip
import importlib
import json
import re
from pathlib import Path

import pytest
import tensorflow as tf

from serving.engine import RequestError
from serving.formats import arrays_of
from serving.specs import Spec

PAGE = Path(__file__).parents[2] / "docs" / "tensorflow_serving.md"
PREDICT = "/v1/models/types:predict"
STATUS = "/v1/models/types"
BODY = b'{"instances": [[1, 2]]}'
ANSWER = {"predictions": [3.0]}
METRICS = "/monitoring/prometheus/metrics"
HUGE = "9" * 30
TWICE = b'{"matrix": [1, 2], "matrix": [3, 4]}'


def post(body, path=PREDICT, **headers):
    """Returns a POST: its method, path, body and headers."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return ("POST", path, content, headers)


def call(method, path):
    return (method, path, b"", {})


def rows(*values, **options):
    return post({"instances": values, **options})


def columns(value, **options):
    return post({"inputs": value, **options})


def zipped(content):
    return post(content, Content_Encoding="gzip")


def upper(content):
    """Returns a request for `upper`; `content` is JSON."""
    return post(b'{"signature_name": "upper", "instances": [%s]}' % content)


def copied(content):
    return post(b'{"signature_name": "copy", "instances": [%s]}' % content)


# By the row of the first table: requests, status, and the answer where it is 200.
ALIKE = {
    "an unknown input in a row": (
        [
            rows({"matrix": [1, 2], "x": 1}),
            rows({"matrix": [1, 2]}, {"matrix": [1, 2], "x": 1}),
        ],
        400,
    ),
    "an unknown input in columns, an unknown key beside them": (
        [
            columns({"matrix": [[1, 2]], "x": 1}),
            columns([[1, 2]], signature_nam="buy"),
        ],
        (200, {"outputs": [3.0]}),
    ),
    "rows with and without the names of the inputs": (
        [rows({"matrix": [1, 2]}, [1, 2]), rows([1, 2], {"matrix": [1, 2]})],
        400,
    ),
    '`"signature_name": ""`': ([rows([1, 2], signature_name="")], (200, ANSWER)),
    '`"token_ids": []` in columns': (
        [columns({"text": ["a", "b"], "ids": []}, signature_name="carry")],
        (200, {"outputs": {"text": ["a", "b"], "carried": [0, 0]}}),
    ),
    '`"token_ids": []` in rows': (
        [rows({"text": "a", "ids": []}, signature_name="carry")],
        (200, {"predictions": [{"text": "a", "carried": 0}]}),
    ),
    "base64 with white space": (
        [
            upper(b'{"b64": %s}' % json.dumps(text).encode())
            for text in ("YW\nJj\r\n", " Y W J j\t", "YWJj")
        ],
        (200, {"predictions": ["ABC"]}),
    ),
    "base64 with its padding left out": (
        [
            upper(b'{"b64": "%s"}' % text)
            for text in (b"YWI", b"YWI=", b"YWI.", b"YWI\\n=")
        ],
        (200, {"predictions": ["AB"]}),
    ),
    "base64 with wrong padding or another character": (
        [
            upper(b'{"b64": "%s"}' % text)
            for text in (b"Y", b"YWI==", b"YWJj=", b"YW-j", b"Y=WI", b"YWJ\xc3\xa9")
        ],
        400,
    ),
    "a gzip body": ([zipped(gzip.compress(BODY))], (200, ANSWER)),
    "a body that should be gzip and is not": (
        [
            zipped(BODY),
            zipped(gzip.compress(BODY)[:-1]),
            zipped(gzip.compress(BODY) * 2),
            zipped(b""),
            post(gzip.compress(BODY)),
        ],
        400,
    ),
    "UTF-8 with a byte order mark": ([post(b"\xef\xbb\xbf" + BODY)], (200, ANSWER)),
    "UTF-16 or UTF-32": (
        [
            post(BODY.decode().encode(f"utf-{width}{order}"))
            for width in (16, 32)
            for order in ("", "-le", "-be")
        ],
        400,
    ),
    "bytes in a text that are not UTF-8": (
        [copied(b'"\xff \xe4 \xc3\xa9"'), copied(b'{"b64": "/yDkIMOp"}')],
        (200, {"predictions": [{"b64": "/yDkIMOp"}]}),
    ),
    "an escaped high surrogate without its other half": (
        [upper(rb'"\ud800"'), upper(rb'"\ud83d\u00e9"'), upper(rb'"\\\udbff \udc00"')],
        400,
    ),
    "an escaped pair of surrogates": (
        [upper(rb'"\ud83d\ude00"'), upper("\U0001f600".encode().join([b'"'] * 2))],
        (200, {"predictions": ["\U0001f600"]}),
    ),
    "text after the JSON": ([post(BODY + b" x"), post(BODY + BODY)], 400),
    "a key twice": (
        [
            post(b'{"instances": [[1, 2]], "instances": [[3, 4]]}'),
            post(b'{"instances": [%s]}' % TWICE),
        ],
        (200, ANSWER),
    ),
    "a query after `:predict` or `/metadata`": (
        [
            post(BODY, f"{PREDICT}?x=1"),
            post(BODY, f"{STATUS}/versions/3:predict?x"),
            call("GET", f"{STATUS}/metadata?x=1"),
        ],
        400,
    ),
    "a wrong verb": (
        [
            call("GET", PREDICT),
            call("GET", f"{STATUS}/versions/3:predict"),
            post(BODY, STATUS),
            post(BODY, f"{STATUS}/metadata"),
            *(call(method, STATUS) for method in ("HEAD", "PUT", "DELETE", "PATCH")),
            *(call(method, PREDICT) for method in ("HEAD", "PUT", "OPTIONS")),
        ],
        400,
    ),
    "another path under `/v1/`": (
        [
            *(call("GET", f"/v1/{end}") for end in ("", "x", "models/types/x")),
            call("GET", f"{STATUS}/"),
            call("GET", f"{STATUS}/versions/x"),
            post(BODY, f"{STATUS}/versions/x:predict"),
            post(BODY, "/v1/models/:predict"),
        ],
        400,
    ),
    "version `0003`": ([post(BODY, f"{STATUS}/versions/0003:predict")], (200, ANSWER)),
    "a version beyond 64 bits": (
        [
            call("GET", f"{STATUS}/versions/{HUGE}"),
            call("GET", f"{STATUS}/versions/{1 << 63}"),
            post(BODY, f"{STATUS}/versions/{HUGE}:predict"),
        ],
        400,
    ),
    "a version or a model that is not there": (
        [
            call("GET", f"{STATUS}/versions/{(1 << 63) - 1}"),
            call("GET", f"{STATUS}/versions/0"),
            post(BODY, f"{STATUS}/versions/2:predict"),
            post(BODY, "/v1/models/types.:predict"),
        ],
        404,
    ),
    "a number beyond float32 (`1e39`) or float64 (`1e400`)": (
        [
            post(b'{"instances": [[1, %s]]}' % number)
            for number in (b"1e39", b"-1e39", b"1e400", b"-1e400", b"1" + b"0" * 400)
        ],
        400,
    ),
    "an integer of more than 64 bits for float32": (
        [post(b'{"signature_name": "inverse", "inputs": [1%s]}' % (b"0" * 20))],
        (200, {"outputs": [1e-20]}),
    ),
    "an integer of 2^24 or more for float32": (
        [rows([1, 16777216]), rows([1, -16777217])],
        400,
    ),
    "`NaN`, `Infinity`, `-Infinity`": (
        [post(b'{"signature_name": "inverse", "inputs": [Infinity, 4]}')],
        (200, {"outputs": [0.0, 0.25]}),
    ),
    "an output without dimensions, in columns": (
        [columns(["a", "b"], signature_name="whole")],
        (200, {"outputs": {"all": "ab", "mean": 1.0}}),
    ),
    "an output without dimensions, in rows": ([rows("a", signature_name="whole")], 400),
}

# By the row of the second table: requests, and what this server answers.
DIFFERENT = {
    'zero rows, `{"inputs": []}`': (
        [columns([], signature_name="upper")],
        (200, {"outputs": []}),
    ),
    "an input of another rank or size": (
        [columns([["a"]], signature_name="upper"), rows([1, 2, 3]), columns([1, 2])],
        400,
    ),
    "`[]` in columns for another input like `token_ids`": (
        [columns({"text": ["a", "b"], "ids": []}, signature_name="widths")],
        (200, {"outputs": [0, 0]}),
    ),
    "more than 64 rows": (
        [columns(["a"] * 65, signature_name="upper")],
        (200, {"outputs": ["A"] * 65}),
    ),
    "more than 64 rows of answers that differ in length": (
        [columns(["a"] * 65, signature_name="whole")],
        400,
    ),
    "columns of different lengths": (
        [columns({"count": [2], "price": [1, 3]}, signature_name="buy")],
        400,
    ),
    "an unknown model, and a body that is not JSON": (
        [post(b"x", "/v1/models/nothing:predict")],
        404,
    ),
    "`GET /v1/models`": ([call("GET", "/v1/models")], 200),
    "`GET /v1/models/NAME/cell`": ([call("GET", f"{STATUS}/cell")], 404),
    "a query after `/v1/models/NAME`": ([call("GET", f"{STATUS}?x=1")], 400),
    "a question mark alone after `:predict`": (
        [post(BODY, f"{PREDICT}?")],
        (200, ANSWER),
    ),
    "`/V1/MODELS`": ([call("GET", "/V1/MODELS/types")], 404),
    "`%2F` in a path": (
        [post(BODY, "/v1/models/types%2Fversions%2F3:predict")],
        (200, ANSWER),
    ),
    "`/labels/LABEL`": (
        [
            call("GET", f"{STATUS}/labels/stable"),
            post(BODY, f"{STATUS}/labels/stable:predict"),
        ],
        400,
    ),
    "`:classify`, `:regress`": (
        [post(BODY, f"{STATUS}:{verb}") for verb in ("classify", "regress")],
        400,
    ),
    "a NUL byte after the JSON": ([post(BODY + b"\0x")], 400),
    "`Inf`, `-NaN`": (
        [post(b'{"instances": [[1, %s]]}' % number) for number in (b"Inf", b"-NaN")],
        400,
    ),
    "an escaped low surrogate without its other half": ([upper(rb'"\udc80"')], 400),
    "a key twice in one of several rows": (
        [post(b'{"instances": [%s, {"matrix": [5, 6]}]}' % TWICE)],
        (200, {"predictions": [3.0, 11.0]}),
    ),
    "`b64` twice in an object": (
        [upper(b'{"b64": "YQ==", "b64": "Yg=="}')],
        (200, {"predictions": ["A"]}),
    ),
    "a text of an answer that is not UTF-8": (
        [upper(b'{"b64": "Yf8="}')],
        (200, {"predictions": ["A\ufffd"]}),
    ),
    "lists in lists, a hundred thousand deep": (
        [post(b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")],
        400,
    ),
    "`/healthz`, by GET or HEAD": (
        [call("GET", "/healthz"), call("HEAD", "/healthz")],
        200,
    ),
    "the metrics, with a query": ([call("GET", f"{METRICS}?x=1")], 200),
    "the metrics, by POST": ([call("POST", METRICS)], 405),
    "a wrong verb outside `/v1/`": ([call("PUT", "/"), call("POST", "/healthz")], 405),
}
# By the row of the second table: the test that shows it.
ELSEWHERE = {
    "one bad request in a batch": (
        "serving.test_scheduler",
        "test_a_request_that_is_refused_does_not_spoil_its_neighbours",
    ),
    "requests whose answers differ in length": (
        "serving.test_scheduler",
        "test_what_cannot_be_joined_is_not",
    ),
    "a request of more than 16 MB (`--body-mb`)": (
        "serving.test_limits",
        "test_fifty_megabytes_are_refused",
    ),
    "a gzip body that unpacks to more": (
        "serving.test_application",
        "test_a_gzip_body_is_limited_by_what_it_unpacks_to",
    ),
    "a body of more than 2 million commas and brackets": (
        "serving.test_limits",
        "test_a_body_of_too_many_values_is_refused_before_it_is_parsed",
    ),
    "bodies of more than 128 MB at once": (
        "serving.test_application",
        "test_the_bodies_under_way_are_limited_in_all_their_bytes",
    ),
    "a body that does not arrive in 30 s (`--timeout-s`)": (
        "serving.test_limits",
        "test_a_body_that_does_not_come_is_given_up",
    ),
    "more than 512 requests at once (`--waiting`)": (
        "serving.test_application",
        "test_bodies_that_come_at_once_are_limited_in_number",
    ),
    "too little memory for an answer": (
        "faults.test_server_memory",
        "test_a_request_for_which_there_is_no_memory_is_413_and_the_next_is_answered",
    ),
    "pages of other origins": (
        "serving.test_limits",
        "test_other_origins_may_ask_only_if_they_are_let",
    ),
    "a version that could not be loaded": (
        "serving.test_models",
        "test_without_the_newest_version_the_one_before_is_served_from_the_start",
    ),
    "integers beyond int8, int16 or uint8": (
        "serving.test_tensorflow_serving",
        "test_an_integer_that_its_type_cannot_hold_is_refused",
    ),
    "an input of float16 or bfloat16": (
        "serving.test_tensorflow_serving",
        "test_floats_of_16_bits_are_read",
    ),
    "`__saved_model_init_op` in `/metadata`": (
        "serving.test_tensorflow_serving",
        "test_the_metadata_have_the_signatures_alone",
    ),
}


def table(heading):
    """Returns the first cells of the table below a heading of the page."""
    text = (
        PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    )
    cells = re.findall(r"^\| (.*?) \| ", text, flags=re.MULTILINE)
    return [cell for cell in cells if cell != "request"]


def check(client, requests, expected):
    status, answer = expected if isinstance(expected, tuple) else (expected, None)
    for method, path, content, headers in requests:
        got = client.request(method, path, content=content, headers=headers)
        assert got.status_code == status, (path, content, got.text)
        if answer is not None:
            assert got.json() == answer, (path, content)
        if status >= 400 and method != "HEAD":
            assert list(got.json()) == ["error"]


@pytest.mark.parametrize("case", ALIKE)
def test_it_answers_as_tensorflow_serving_does(case, client):
    check(client, *ALIKE[case])


@pytest.mark.parametrize("case", DIFFERENT)
def test_it_differs_where_the_page_says_so(case, client):
    check(client, *DIFFERENT[case])


def test_each_row_of_the_page_has_a_test_and_each_test_a_row():
    assert table("Alike") == list(ALIKE)
    assert sorted(table("Different")) == sorted([*DIFFERENT, *ELSEWHERE])
    for module, name in ELSEWHERE.values():
        assert callable(getattr(importlib.import_module(f"tests.{module}"), name))


def arrays(value, dtype):
    spec = Spec(dtype, (None,))
    return arrays_of({"inputs": value}, {"x": spec})["x"]


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "int64"])
def test_an_integer_that_its_type_cannot_hold_is_refused(dtype):
    limits = tf.as_dtype(dtype)
    assert arrays([limits.min, limits.max], dtype).tolist() == [limits.min, limits.max]
    for value in (limits.min - 1, limits.max + 1):
        with pytest.raises(RequestError, match="out of range"):
            arrays([value], dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_floats_of_16_bits_are_read(dtype):
    assert arrays([0.5, -2], dtype).tolist() == [0.5, -2]
    with pytest.raises(RequestError, match="out of range"):
        arrays([1e39], dtype)
    assert arrays([float(tf.as_dtype(dtype).max)], dtype) == tf.as_dtype(dtype).max


def test_a_float64_holds_integers_of_53_bits():
    assert arrays([2**53 - 1, 1e300], "float64").tolist() == [2**53 - 1, 1e300]
    with pytest.raises(RequestError, match="loses digits as float64"):
        arrays([2**53], "float64")


def test_the_metadata_have_the_signatures_alone(client):
    metadata = client.get(f"{STATUS}/metadata").json()["metadata"]["signature_def"]
    assert "serving_default" in metadata["signature_def"]
    assert not [name for name in metadata["signature_def"] if name.startswith("__")]
