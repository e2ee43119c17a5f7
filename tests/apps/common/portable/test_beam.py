"""The beam search in NumPy finds what the one inside the graph finds."""

import numpy as np
import pytest
import tensorflow as tf

from apps.common.portable.beam import _top, search
from apps.summarization import decode

TOKENS, START, END, BATCH = 7, 1, 2, 3
PLAIN = {
    "beam": 4,
    "max_length": 6,
    "min_length": 0,
    "length_penalty": 0.0,
    "block_ngrams": 0,
}
OPTIONS = [
    {},
    {"beam": 1},
    {"beam": 40, "length_penalty": 0.6},
    {"min_length": 3, "length_penalty": 1.0},
    {"block_ngrams": 1, "length_penalty": 2.0},
    {"block_ngrams": 2, "min_length": 5},
    {"block_ngrams": 3, "beam": 2, "max_length": 12},
    {"block_ngrams": 7},
    {"max_length": 1},
    {"max_length": 0},
]


@pytest.fixture(scope="module", params=OPTIONS, ids=str)
def pair(request):
    """The same search twice: each takes a table, an offset and a mask of sequences.

    The table has log-probabilities by token before and time. The state is a vector and
    a matrix a row, which a search that mixes up hypotheses would mix up.
    """
    options = {**PLAIN, **request.param}

    def by_numpy(table, offset):
        def step(ids, state):
            history = 0.5 * state["history"] + table[ids, state["time"][:, 0, 0]]
            return history, {"history": history, "time": state["time"] + 1}

        state = {"history": offset, "time": np.zeros((BATCH, 1, 1), "int32")}
        return search(step, state, BATCH, START, END, **options)

    @tf.function(autograph=False)
    def by_graph(table, offset):
        def step(ids, state):
            place = tf.stack([ids, state["time"][:, 0, 0]], axis=1)
            history = 0.5 * state["history"] + tf.gather_nd(table, place)
            return history, {"history": history, "time": state["time"] + 1}

        state = {"history": offset, "time": tf.zeros((BATCH, 1, 1), "int32")}
        return decode.search(step, state, BATCH, START, END, **options)

    return by_numpy, by_graph


def assert_alike(pair, table, offset):
    table, offset = table.astype("float32"), offset.astype("float32")
    by_numpy, by_graph = pair
    (ids, score), expected = by_numpy(table, offset), by_graph(table, offset)
    assert ids.dtype == "int32"
    assert score.dtype == "float32"
    np.testing.assert_array_equal(ids, expected[0])
    np.testing.assert_allclose(score, expected[1], rtol=1e-6)


def test_the_same_sequences_are_found(pair):
    rng = np.random.default_rng(9)
    for _ in range(30):
        table = -rng.gamma(1.0, 2.0, (TOKENS, 12, TOKENS))
        table[..., END] -= rng.choice([0, 2, 5])
        assert_alike(pair, table, -rng.gamma(1.0, 0.1, (BATCH, TOKENS)))


def test_of_equal_hypotheses_the_same_is_kept(pair):
    rng = np.random.default_rng(4)
    for _ in range(30):
        table = -rng.integers(0, 3, (TOKENS, 12, TOKENS))
        assert_alike(pair, table, np.zeros((BATCH, TOKENS)))


def test_the_array_that_a_step_returns_stays_as_it_is():
    log_p = np.full((2, TOKENS), -1.0, "float32")
    search(lambda ids, state: (log_p, state), {}, 1, START, END, **PLAIN | {"beam": 2})
    np.testing.assert_array_equal(log_p, -1)


@pytest.mark.parametrize("places", [5, 250, 900])
def test_the_first_of_the_highest_scores_are_taken(places):
    rng = np.random.default_rng(places)
    for values in (3, 1000):  # many ties; few
        scores = rng.integers(-values, 0, places).astype("float32")
        for count in (1, 4, 5):
            expected = np.argsort(-scores, kind="stable")[:count]
            assert _top(scores, count).tolist() == expected.tolist()
