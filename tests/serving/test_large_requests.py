"""A request of more than 64 rows is computed in slices, or refused."""

import pytest


def test_more_rows_than_a_batch_are_computed_in_slices(ask):
    """`carried` is the number of token ids beside a row, in whatever is computed."""
    columns = {"text": ["a"] * 130, "ids": [[7]] * 130}
    status, answer = ask(inputs=columns, signature_name="carry")
    assert status == 200
    assert answer["outputs"]["text"] == ["a"] * 130
    assert answer["outputs"]["carried"] == [64] * 128 + [2] * 2


@pytest.mark.parametrize("signature", ["whole", "uneven"])
def test_more_rows_are_refused_where_slices_cannot_be_joined(signature, ask):
    inputs = {"whole": ["a"] * 65, "uneven": [1.0] * 65}[signature]
    status, answer = ask(inputs=inputs, signature_name=signature)
    assert status == 400
    assert answer["error"].startswith("Expected at most 64 rows, since the outputs")
