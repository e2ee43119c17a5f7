"""Pretrained vectors from a small archive with the layout of GloVe's package."""

import numpy as np
import pytest

from apps.common.data import vectors
from apps.common.data.vectors import frequent_words, vector_matrix

WORDS = ["the", "film", "was", "good"]


@pytest.fixture(autouse=True)
def table(write_glove, tmp_path, monkeypatch):
    """The vectors of `WORDS`, with a standard deviation of 3 around 0."""
    table = np.random.default_rng(50).normal(0, 3, (4, 50)).astype("float32")
    wheel = write_glove(tmp_path / "glove.whl", WORDS, table)
    monkeypatch.setattr(vectors, "fetch", {"glove_6b_50d": wheel}.__getitem__)
    return table


@pytest.mark.parametrize("size", [0, 2, 4, 9])
def test_frequent_words_come_in_the_order_of_the_archive(size):
    assert frequent_words(size) == WORDS[:size]


def test_each_token_has_the_vector_of_its_word(table):
    matrix = vector_matrix(["<pad>", "<unk>", "good", "the"], seed=1, embedding_dim=50)
    assert matrix.shape == (4, 50)
    assert matrix.dtype == "float32"
    np.testing.assert_array_equal(matrix[2:], table[[3, 0]])


def test_padding_has_zeros():
    assert not vector_matrix(["<pad>", "the"], seed=1, embedding_dim=50)[0].any()


def test_an_unknown_token_has_a_random_vector_with_the_spread_of_the_others():
    unknown = [f"zebra{n}" for n in range(400)]
    matrix = vector_matrix(["<pad>", *WORDS, *unknown], seed=1, embedding_dim=50)[5:]
    assert len(np.unique(matrix, axis=0)) == 400
    assert matrix.std() == pytest.approx(3, rel=0.1)
    assert matrix.mean() == pytest.approx(0, abs=0.1)


def test_random_vectors_are_those_of_the_seed():
    tokens = ["<pad>", "zebra", "the"]
    first = vector_matrix(tokens, seed=1, embedding_dim=50)
    np.testing.assert_array_equal(
        first, vector_matrix(tokens, seed=1, embedding_dim=50)
    )
    other = vector_matrix(tokens, seed=2, embedding_dim=50)
    assert (first[1] != other[1]).all()
    np.testing.assert_array_equal(first[2], other[2])


def test_vectors_of_another_size_than_the_models_are_refused():
    with pytest.raises(ValueError, match=r"vectors have 50 dimensions\. Received: 40"):
        vector_matrix(["<pad>"], seed=1, embedding_dim=40)


def test_tokens_without_any_vector_are_all_random():
    matrix = vector_matrix(["<pad>", "zebra"], seed=1, embedding_dim=50)
    assert np.isfinite(matrix).all()
    assert matrix[1].any()
