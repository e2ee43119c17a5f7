"""Explanations: padding is not drawn, nothing is overwritten, text is no HTML."""

import json
import re

import numpy as np
import pytest

from apps.common.explain.page import page
from apps.common.explain.pictures import write_explanations
from apps.common.explain.traces import Explanation, Trace, traces_of
from lstm_layer.gates import NAMES
from tests.apps.common.explain.random_gates import random_gates


@pytest.fixture
def trace():
    return Trace("lstm_1", ["a", "warm", "film"], random_gates(3), False)


def test_padding_is_no_part_of_a_trace():
    gates = random_gates(4)
    outputs = {"lstm_1_tokens": np.array([[b"a", b"warm", b"", b""], [b"x"] * 4])}
    outputs |= {f"lstm_1_{name}": np.stack([v, v]) for name, v in gates.items()}
    (found,) = traces_of(outputs)
    assert (found.layer, found.labels) == ("lstm_1", ["a", "warm"])
    for name in NAMES:
        np.testing.assert_array_equal(found.gates[name], gates[name][:2])


def test_the_shares_of_a_cell_state_sum_to_one(trace):
    found = trace.shares()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (np.triu(found, 1) == 0).all()
    np.testing.assert_allclose(trace.held().sum(axis=1), trace.gates["c"])


def test_a_reader_from_the_end_holds_what_comes_after():
    gates = random_gates(3, backwards=True)
    reader = Trace("backward_lstm_1", ["a", "warm", "film"], gates, True)
    assert (np.tril(reader.shares(), -1) == 0).all()


def test_units_that_keep_most_are_on_top(trace):
    kept = trace.gates["f"].mean(axis=0)[trace.order()]
    assert (np.diff(kept) <= 0).all()


def outputs(*labels):
    """Returns what a signature `gates` answers to one input."""
    gates = random_gates(len(labels)).items()
    found = {f"lstm_1_{name}": values[np.newaxis] for name, values in gates}
    return {"lstm_1_tokens": np.array([[x.encode() for x in labels]]), **found}


def test_earlier_explanations_are_kept(tmp_path):
    first = write_explanations(tmp_path, [("a", "b", outputs("a", "warm"))] * 2)
    before = [path.read_bytes() for path in first]
    second = write_explanations(tmp_path, [("c", "d", outputs("a", "warm"))])
    assert [path.name for path in first + second] == ["1.html", "2.html", "3.html"]
    assert [path.read_bytes() for path in first] == before
    assert len(list((tmp_path / "explain").glob("*.png"))) == 3


def test_a_page_takes_text_as_text_and_nothing_from_elsewhere():
    evil = "</script><b>&"
    trace = Trace("lstm_1", [evil, "b"], random_gates(2), False)
    text = page(Explanation(evil, evil, [trace]))
    assert text.count("</script>") == 2
    assert "<b>&" not in text
    assert "http" not in text
    data = re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1)
    (layer,) = json.loads(data)
    assert layer["labels"] == [evil, "b"]
    assert {m["rows"] for m in layer["maps"]} == {4, 2}


def test_a_text_of_one_token_is_drawn(tmp_path):
    assert write_explanations(tmp_path, [("film", "good", outputs("film"))])
