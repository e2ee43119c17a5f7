"""Long lists of numbers are read into arrays, and as the exact parser reads them."""

import json

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving import application
from serving.application import LONG_LISTS_BYTES, create_app
from serving.body import FAST_BYTES
from serving.engine import RequestError, Signature
from serving.formats import arrays_of, parse
from serving.number_lists import LIST_BYTES, MAX_MEMBERS, load_numbers
from serving.specs import STRING, Spec

DTYPES = ["float64", "float32", "float16", "int64", "int32", "uint8", "uint64"]
ANY = {dtype: {"x": Spec(dtype, None)} for dtype in [*DTYPES, "bool", STRING]}
FLOATS = ANY["float32"]
PAIR = {"x": Spec("float32", (None, None)), "y": Spec("int32", (None, None))}


def padded(text):
    """Returns a body so long that its lists are few."""
    text = text.encode("utf-8", "surrogateescape")
    return text + b" " * LIST_BYTES * text.count(b"[")


def read(body, specs, *load):
    """Returns what tells the arrays of a request apart, or None if it is refused."""
    try:
        arrays = arrays_of(parse(body, *load), specs)
    except RequestError:
        return None
    return {
        name: (array.dtype, array.shape, array.tolist(), array.tobytes())
        if array.dtype != object
        else (array.dtype, array.shape, array.tolist())
        for name, array in arrays.items()
    }


def check(text, specs):
    """Asserts that what the fast parser takes, the exact one takes for the same."""
    fast = read(padded(text), specs, load_numbers)
    if fast is not None:
        assert fast == read(text.encode("utf-8", "surrogateescape"), specs)
    return fast is not None


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ('{"instances": [[0.5, -2, 3e-2]]}', FLOATS),
        ('{"instances": [{"x": [1.5, 2], "y": [3, 4]}]}', PAIR),
        ('{"instances": [{"x": [1, 2], "y": [3]}, {"x": [0.5, 2], "y": [4]}]}', PAIR),
        ('{"inputs": {"x": [[1.5]], "y": [[3, -4]]}, "signature_name": "s"}', PAIR),
        ('{"inputs": {"x": [[1.5]], "y": []}}', PAIR),
        ('{"inputs": {"x": [[1.5, 2]], "y": [[3]]}, "inputs": 5}', PAIR),
        ('{"inputs": [[[1, 2], [3, 4]], [[5, 6], [7, 8.5]]]}', FLOATS),
        ('{"inputs": [16777215, -16777215, 0, -0, -0.0, 1e-400, 1e-40]}', FLOATS),
        ('{"inputs": [0.1, 16777215.4]}', FLOATS),
        ('{"inputs": [9007199254740991, 0.1]}', ANY["float64"]),
        ('{"inputs": [-9223372036854775808, 9223372036854775807]}', ANY["int64"]),
        ('{"inputs": [255, 0]}', ANY["uint8"]),
        ('{"inputs": [true, false]}', ANY["bool"]),
        ('{"inputs": ["a", {"b64": "YQ=="}, "\\u00e9 \\u0000"]}', ANY[STRING]),
    ],
)
def test_what_is_sure_is_read_by_the_fast_parser(text, specs):
    assert check(text, specs)


@pytest.mark.parametrize(
    ("items", "dtype"),
    [
        ("[1.5, 16777217]", "float32"),
        ("[16777217]", "float32"),
        ("[16777216.0, 1.5]", "float32"),
        ("[-16777217, 1]", "float32"),
        ("[-9223372036854775808]", "float32"),
        ("[1e39]", "float32"),
        ("[-1e39]", "float32"),
        ("[2049, 0.5]", "float16"),
        ("[18446744073709551615, 0.5]", "float64"),
        ("[18446744073709551615]", "uint64"),
        ("[123456789012345678901234567890, 0.5]", "float64"),
        ("[1e400]", "float64"),
        ("[0.5, NaN]", "float32"),
        ("[0.5, null]", "float32"),
        ("[1, true]", "int32"),
        ("[1, 1.0]", "int32"),
        ("[1.0]", "int32"),
        ("[256]", "uint8"),
        ("[-1]", "uint8"),
        ("[1]", "bool"),
        ("[1]", STRING),
        ("[1, [2]]", "float32"),
        ("[1, []]", "float32"),
        ("[[1, 2], [3]]", "float32"),
        ("[[1, 2], 3]", "float32"),
        ("[[1, 2], []]", "float32"),
        ('[[1, 2], "["]', "float32"),
        ('["\\ud800"]', STRING),
        ('["\udcff"]', STRING),
    ],
)
def test_what_is_not_sure_is_left_to_the_exact_parser(items, dtype):
    assert not check(f'{{"inputs": {items}}}', ANY[dtype])


@pytest.mark.parametrize(
    "text",
    [
        '{"inputs": {"x": [1.5], "y": [2], "y\\u0000": [3]}}',
        '{"inputs": {"y\\u0000": [3], "x": [1.5], "y": [2]}}',
        '{"inputs": {"x": [1.5], "y": [2], "x": [3]}}',
        '{"inputs": {"x": [1.5], "y": [2], "\\u0078": [3]}}',
        '{"inputs": {"\\u0078": [3], "x": [1.5], "y": [2]}}',
    ],
)
def test_of_equal_names_the_first_counts_and_a_nul_byte_ends_none(text):
    specs = {"x": Spec("float32", None), "y": Spec("int32", None)}
    check(text, specs)
    with_nul = {**specs, "y\0": Spec("int32", None)}
    check(text, with_nul)


def test_an_object_of_many_names_is_left_to_the_exact_parser():
    body = json.dumps({"inputs": {"x": [1], **{f"{n}": 1 for n in range(MAX_MEMBERS)}}})
    with pytest.raises(ValueError, match=r"many members"):
        load_numbers(padded(body))


def test_names_that_come_twice_at_each_depth_take_no_longer():
    text = '{"inputs": ' + '{"a": ' * 200 + "1" + ', "a": 2}' * 200 + "}"
    assert load_numbers(text.encode())["inputs"]["a"]["a"]


def test_many_short_lists_are_left_to_the_exact_parser():
    with pytest.raises(ValueError, match=r"the lists are short"):
        load_numbers(json.dumps({"inputs": [[1, 2]] * 100}).encode())


def test_lists_that_are_too_deep_are_left_to_the_exact_parser():
    for depth in (40, 900, 5000):
        assert not check(f'{{"inputs": {"[" * depth}1{"]" * depth}}}', FLOATS)


numbers = st.one_of(
    *(st.integers(-3, 300), st.integers(-(2**70), 2**70)),
    st.sampled_from([2**8, 2**11, 2**24, 2**31, 2**53, 2**63, 2**64]).flatmap(
        lambda n: st.sampled_from([n - 1, n, n + 1, -n, -n - 1, float(n)])
    ),
    *(st.floats(width=32), st.floats(), st.floats(-1, 1).map(lambda x: round(x, 4))),
)
others = st.sampled_from([None, True, False, "a", "a: [b]", "\udcff", {"b64": "YQ=="}])
leaves = st.one_of(numbers, numbers, numbers, others)
rows = st.one_of(
    st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=1, max_size=3),
    st.lists(numbers, max_size=5),
    st.recursive(leaves, lambda inner: st.lists(inner, max_size=3), max_leaves=8),
)
pairs = st.lists(
    st.tuples(st.sampled_from(["x", "y", "y\0"]), rows), min_size=1, max_size=3
)


def written(value):
    """Returns JSON; a tuple of pairs is an object, in which a name may come twice."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, tuple):
        members = (f"{json.dumps(name)}: {written(one)}" for name, one in value)
        return "{" + ", ".join(members) + "}"
    return json.dumps(value, ensure_ascii=False)


@given(rows, st.sampled_from([*ANY]), st.sampled_from(["inputs", "instances"]))
@settings(max_examples=400)
@example([[1, 2], [3, 4]], "float32", "inputs")
def test_an_input_is_read_as_by_the_exact_parser(value, dtype, kind):
    check(f'{{"{kind}": {written(value)}}}', ANY[dtype])


@given(st.lists(pairs, min_size=1, max_size=2), st.sampled_from(DTYPES), st.booleans())
@settings(max_examples=200)
def test_named_inputs_are_read_as_by_the_exact_parser(objects, dtype, by_rows):
    specs = {"x": Spec(dtype, (None, None)), "y": Spec("float32", None)}
    objects = [tuple(one) for one in objects]
    request = (("instances", objects),) if by_rows else (("inputs", objects[0]),)
    check(written(request), specs)


@given(rows, st.data())
@settings(max_examples=200)
def test_json_with_a_wrong_character_is_read_as_by_the_exact_parser(value, data):
    text = f'{{"inputs": {written(value)}}}'
    place = data.draw(st.integers(0, len(text)))
    other = data.draw(st.sampled_from([*' ,:[]{}"-+.0e1\\\0\n', ""]))
    check(text[:place] + other + text[place + data.draw(st.booleans()) :], FLOATS)


class OneModel:
    """Models of which each has the signature of sums, as in `Models.get`."""

    def get(self, name, version=None):
        return self

    def signature(self, name):
        specs = {"x": Spec("float32", (None, None))}
        outputs = {"sum": Spec("float32", (None,))}
        return Signature(specs, outputs, lambda arrays: {"sum": arrays["x"].sum(1)})

    def serves(self, name):
        return True

    def stop(self):
        pass

    def __iter__(self):
        return iter(())


def post(body):
    with TestClient(create_app(OneModel())) as client:
        return client.post("/v1/models/any:predict", content=body)


@pytest.mark.parametrize("size", [FAST_BYTES, LONG_LISTS_BYTES])
def test_the_server_reads_long_lists_by_the_fast_parser(size, monkeypatch):
    monkeypatch.delattr(application, "load_json")
    body = json.dumps({"instances": [[0.5] * (size // 4)]})
    answer = post(body)
    assert answer.status_code == 200
    assert answer.json() == {"predictions": [0.5 * (size // 4)]}


@pytest.mark.parametrize("size", [FAST_BYTES, LONG_LISTS_BYTES])
def test_the_server_refuses_a_long_list_with_the_message_of_the_exact_parser(size):
    for wrong, reason in (
        ("null", "null is not of this type"),
        ("16777217", "16777217 loses digits as float32"),
        ("1e400", "inf is out of range"),
    ):
        body = '{"inputs": [[' + "0.5, " * (size // 4) + wrong + "]]}"
        answer = post(body)
        assert answer.status_code == 400
        message = f"Input x must be float32 of shape (None, None): {reason}."
        assert answer.json() == {"error": message}


def test_an_array_of_numbers_can_be_written_to():
    for text, dtype in (("[1, 2]", "int64"), ("[0.5]", "float64")):
        body = padded(f'{{"inputs": {text}}}')
        arrays = arrays_of(parse(body, load_numbers), ANY[dtype])
        arrays["x"] += np.ones((), dtype)
