"""The server answers the REST requests of TensorFlow Serving's clients."""

import base64
import json
import time

import pytest

from apps.sentiment.predict import Predictor
from serving.formats import reason

ROWS = [[1, 2], [3.5, 4]]
DEEP = "[" * 100_000 + "]" * 100_000


def b64(content):
    return {"b64": base64.b64encode(content).decode()}


@pytest.mark.parametrize("signature", [None, "serving_default", "total"])
@pytest.mark.parametrize("bare", [True, False])
def test_rows_and_columns_give_the_same_answers(signature, bare, ask):
    """A single input may omit its name; a single output always does."""
    options = {"signature_name": signature} if signature else {}
    rows = ROWS if bare else [{"matrix": row} for row in ROWS]
    assert ask(instances=rows, **options) == (200, {"predictions": [3, 7.5]})
    columns = ROWS if bare else {"matrix": ROWS}
    assert ask(inputs=columns, **options) == (200, {"outputs": [3, 7.5]})


def test_several_inputs_and_outputs_keep_their_names(ask):
    rows = [{"count": 3, "price": 0.5}, {"count": 2, "price": 99}]
    columns = {"count": [3, 2], "price": [0.5, 99]}
    assert ask(instances=rows, signature_name="buy") == (
        200,
        {"predictions": [{"cost": 1.5, "dear": False}, {"cost": 198, "dear": True}]},
    )
    assert ask(inputs=columns, signature_name="buy") == (
        200,
        {"outputs": {"cost": [1.5, 198], "dear": [False, True]}},
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a joy", "A JOY"),
        ("", ""),
        (b64(b"bytes"), "BYTES"),
        ({"text": "named"}, "NAMED"),
        ({"text": b64(b"both")}, "BOTH"),
        ("na\u00efve \U0001f600", "NA\u00efVE \U0001f600"),
    ],
    ids=str,
)
def test_a_text_comes_as_text_or_base64(text, expected, ask):
    answer = ask(instances=[text], signature_name="upper")
    assert answer == (200, {"predictions": [expected]})


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", "é".encode()])
def test_an_output_whose_name_ends_in_bytes_comes_as_base64(content, ask):
    for body in ({"instances": [b64(content)]}, {"inputs": [b64(content)]}):
        status, answer = ask(**body, signature_name="copy")
        assert status == 200
        assert list(answer.values()) == [[b64(content)]]


def test_booleans_go_in_and_out(ask):
    answer = ask(inputs=[True, False], signature_name="turn")
    assert answer == (200, {"outputs": [False, True]})


def test_sentiment_answers_as_predict_does(ask, finished_run):
    texts = ["a good film", "", "Not dull, not bad.", "😀", "word " * 100_000]
    status, answer = ask(model="sentiment", instances=texts)
    assert status == 200
    expected_rows = Predictor.load(finished_run).predict(texts)
    for row, expected in zip(answer["predictions"], expected_rows, strict=True):
        assert row["label"] == expected["label"]
        probabilities = list(expected["probabilities"].values())
        assert row["probabilities"] == pytest.approx(probabilities, abs=1e-5)


@pytest.mark.parametrize("path", ["types", "types/versions/3"])
def test_the_status_is_that_of_the_loaded_version(path, client):
    answer = client.get(f"/v1/models/{path}")
    assert answer.status_code == 200
    ok = {"error_code": "OK", "error_message": ""}
    state = {"version": "3", "state": "AVAILABLE", "status": ok}
    assert answer.json() == {"model_version_status": [state]}


def test_a_version_may_be_asked_by_its_number(ask):
    answer = ask(model="types/versions/3", instances=ROWS)
    assert answer == (200, {"predictions": [3, 7.5]})


@pytest.mark.parametrize(
    ("model", "which"),
    [
        ("tpyes", "Latest(tpyes)"),
        ("types/versions/2", "Specific(types, 2)"),
        ("tpyes/versions/3", "Specific(tpyes, 3)"),
    ],
)
def test_an_unknown_model_or_version_is_404(model, which, ask, client):
    error = {"error": f"Servable not found for request: {which}"}
    assert ask(model=model, instances=ROWS) == (404, error)
    answer = client.get(f"/v1/models/{model}")
    assert (answer.status_code, answer.json()) == (404, error)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/", 405),
    ],
)
def test_another_path_or_method_is_an_error_of_the_same_form(
    method, path, status, client
):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


NO_JSON = {
    "nothing": "",
    "a word": "hello",
    "half an object": '{"instances": [1',
    "form data": "instances=1",
    "an escaped surrogate without its other half": '{"instances": ["\\ud800"]}',
    "nested deeply": DEEP,
    "inputs nested deeply": f'{{"inputs": {DEEP}}}',
}
NO_OBJECT = {"a list": "[1]", "a number": "3", "null": "null", "text": '"a"'}
BAD_REQUESTS = {
    "neither form": ({}, 'Expected either "instances" or "inputs".'),
    "both forms": (
        {"instances": ROWS, "inputs": ROWS},
        'Expected either "instances" or "inputs".',
    ),
    "no instances": ({"instances": []}, '"instances" must be a list that is not empty'),
    "instances as an object": ({"instances": {"matrix": ROWS}}, '"instances" must be'),
    "instances as text": ({"instances": "a joy"}, '"instances" must be a list'),
    "instances as null": ({"instances": None}, '"instances" must be a list'),
    "an unknown signature": (
        {"instances": ROWS, "signature_name": "toatl"},
        'Serving signature name: "toatl" not found. Known: ',
    ),
    "a signature that is a number": (
        {"instances": ROWS, "signature_name": 5},
        "signature_name must be a string.",
    ),
    "an input of another name": (
        {"instances": [{"matrx": [1, 2]}]},
        "Missing inputs: matrix. Known: matrix.",
    ),
    "a missing input": (
        {"instances": [{"count": 1}], "signature_name": "buy"},
        "Missing inputs: price. Known: count, price.",
    ),
    "a missing column": (
        {"inputs": {"price": [1]}, "signature_name": "buy"},
        "Missing inputs: count. Known: count, price.",
    ),
    "two inputs without names": (
        {"instances": [1], "signature_name": "buy"},
        "Missing inputs: ",
    ),
    "text for a number": (
        {"instances": [["a", 2]]},
        'Input matrix must be float32 of shape (None, 2): "a" is not of this type.',
    ),
    "null for a number": ({"instances": [[None, 2]]}, "null is not of this type."),
    "a boolean for a number": ({"instances": [[True, 2]]}, "true is not of this type."),
    "an object for a number": ({"instances": [[{}, 2]]}, "{} is not of this type."),
    "a float for an integer": (
        {"instances": [{"count": 1.0, "price": 1}], "signature_name": "buy"},
        "Input count must be int32 of shape (None,): 1.0 is not of this type.",
    ),
    "a number for text": (
        {"instances": ["a", 7], "signature_name": "upper"},
        "Input text must be string of shape (None,): 7 is not of this type.",
    ),
    "broken base64": (
        {"instances": [{"b64": "Y"}], "signature_name": "upper"},
        "Input text must be string of shape (None,): ",
    ),
    "base64 of a number": (
        {"instances": [{"b64": 5}], "signature_name": "upper"},
        "Missing inputs: text. Known: text.",
    ),
    "rows of differing lengths": ({"instances": [[1, 2], [3]]}, "Input matrix must be"),
    "rows of another length": (
        {"instances": [[1, 2, 3]]},
        "Input matrix must be float32 of shape (None, 2). Received: shape (1, 3).",
    ),
    "a dimension too few": ({"inputs": [1, 2]}, "Received: shape (2,)."),
    "two hundred dimensions": ({"inputs": json.loads("[" * 200 + "1" + "]" * 200)}, ""),
    "an integer beyond all bounds": (
        {"instances": [{"count": 10**30, "price": 1}], "signature_name": "buy"},
        "Input count must be int32 of shape (None,): ",
    ),
    "outputs of differing lengths": (
        {"instances": [1, 2], "signature_name": "uneven"},
        "The outputs have inconsistent batch sizes.",
    ),
}


def refusal(ask, body):
    status, answer = ask(body)
    assert status == 400
    assert list(answer) == ["error"]
    return answer["error"]


@pytest.mark.parametrize("case", NO_JSON)
def test_what_is_not_json_is_400(case, ask):
    assert refusal(ask, NO_JSON[case]).startswith("JSON Parse error: ")


@pytest.mark.parametrize("case", NO_OBJECT)
def test_json_that_is_no_object_is_400(case, ask):
    expected = "Expected a JSON object with instances or inputs."
    assert refusal(ask, NO_OBJECT[case]) == expected


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_bad_request_is_400_and_says_what_is_wrong(case, ask):
    request, expected = BAD_REQUESTS[case]
    assert expected in refusal(ask, json.dumps(request))


def test_after_all_this_the_server_still_answers(ask):
    assert ask(instances=ROWS) == (200, {"predictions": [3, 7.5]})


@pytest.mark.parametrize("count", [[3], [3, 2, 1]])
def test_columns_of_different_lengths_are_400(count, ask):
    """The graph would use one value for several rows without a word."""
    status, answer = ask(inputs={"count": count, "price": [1, 2]}, signature_name="buy")
    assert status == 400
    expected = f"Expected as many rows in each input. count: {len(count)}, price: 2."
    assert answer == {"error": expected}


@pytest.mark.parametrize("x", [0.0, float("nan")])
def test_an_answer_that_is_not_finite_is_written_as_tensorflow_serving_does(x, client):
    body = json.dumps({"inputs": [x], "signature_name": "inverse"})
    answer = client.post("/v1/models/types:predict", content=body)
    assert answer.status_code == 200
    assert answer.text in ('{"outputs":[Infinity]}', '{"outputs":[NaN]}')


def test_an_integer_out_of_range_is_400(ask):
    rows = [{"count": 10**12, "price": 1}]
    body = json.dumps({"instances": rows, "signature_name": "buy"})
    assert "Input count must be int32" in refusal(ask, body)


def test_what_the_graph_refuses_is_told_in_its_words(ask):
    body = '{"inputs": [NaN], "signature_name": "finite"}'
    message = refusal(ask, body)
    assert "x must be finite" in message
    assert "Graph execution" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "message",
    [
        "x must be finite\n\t [[{{node CheckNumerics}}]]",
        "x must be finite\n\t [[{{function_node f_28}}{{node CheckNumerics}}]] [Op:f]",
        "{{function_node f_28}} {{function_node g}} x must be finite [[{{node h}}]]",
        "Graph execution error:\n\nx must be finite\n [{{node CheckNumerics}}]",
        "assertion failed: [x must be finite ] [Condition x > 0 did not hold "
        "element-wise:] [x (model_1/strided_slice:0) = ] [0]",
    ],
)
def test_a_reason_has_no_names_of_the_graph(message):
    assert reason(message) == "x must be finite"


def test_blanks_in_a_message_take_no_time():
    for text in ("a" + " " * 100_000 + "b", "{{node " * 20_000):
        began = time.perf_counter()
        assert reason(text) == text.strip()
        assert time.perf_counter() - began < 1


def test_of_many_unknown_inputs_a_few_are_named(ask):
    row = {**dict.fromkeys(map(str, range(10_000))), "matrix": [1, 2]}
    status, answer = ask(instances=[row])
    assert status == 400
    assert len(answer["error"]) < 200
