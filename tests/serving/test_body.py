"""Bodies are parsed as TensorFlow Serving parses them, long ones by a faster parser."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.body import FAST_BYTES, load_json

BODIES = [
    '{"inputs": [1, -0, 2.5, 1e-400, -0.0]}',
    '{"inputs": [18446744073709551615, -9223372036854775808]}',
    '{"inputs": [1], "inputs": [2]}',
    '{"inputs": {"a": 1, "a": 2}}',
    '{"instances": [{"a": 1, "b": 2}, {"a": 1, "a": 2}]}',
    '{"instances": [[{"b64": "YQ==", "b64": "Yg=="}]]}',
    '{"inputs": {"a": {"b": {"c": 1, "c": 2}}}}',
    '{"inputs": ["at 12:30", "a \\" b: c", "\\u00e9 \\ud83d\\ude00 \\u0000"]}',
    '{"a:b": 1, "a:b": 2}',
    '{"inputs": [NaN, Infinity, -Infinity, 1e400]}',
    "[1, [2, [3]]]",
    '"text"',
    "\ufeff[1]",
]
BROKEN = ['{"inputs": ["\\ud800"]}', '{"inputs": [1,]}', "[1] 2", "[01]", '["\t"]', "["]


def canonical(value):
    """Returns JSON that tells 0, 0.0 and -0.0 apart; the order of members is free."""
    return json.dumps(value, sort_keys=True)


def long(text):
    return text.encode() + b" " * FAST_BYTES


@pytest.mark.parametrize("text", BODIES)
def test_a_long_body_is_read_as_a_short_one(text):
    assert canonical(load_json(long(text))) == canonical(load_json(text.encode()))


def test_bytes_that_are_not_utf8_stay_in_a_long_body():
    assert load_json(b'["\xff"]' + b" " * FAST_BYTES) == ["\udcff"]


@pytest.mark.parametrize("text", BROKEN)
def test_a_long_body_that_is_no_json_is_refused_as_a_short_one(text):
    messages = []
    for body in (text.encode(), long(text)):
        with pytest.raises(ValueError, match=r".") as caught:
            load_json(body)
        messages.append(str(caught.value))
    short, other = (message.split(" (char")[0] for message in messages)
    assert other.split(": line")[0] == short.split(": line")[0]


names = st.sampled_from(["a", "b", "inputs", "x:y"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=4)
    # finite numbers alone: the others are read by the parser of short bodies
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.tuples(names, inner), max_size=3).map(tuple)
    ),
    max_leaves=12,
)


def written(value):
    """Returns JSON; a tuple of pairs is an object, in which a name may come twice."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, tuple):
        pairs = (f"{json.dumps(name)}: {written(one)}" for name, one in value)
        return "{" + ", ".join(pairs) + "}"
    return json.dumps(value)


@given(values)
def test_any_long_body_is_read_as_a_short_one(value):
    text = written(value)
    assert canonical(load_json(long(text))) == canonical(load_json(text.encode()))
