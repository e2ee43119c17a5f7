"""Tests that the fast loop gives the outputs, states and gradients of the cell."""

import numpy as np
import pytest
import tensorflow as tf

from lstm_layer import LSTM, schedule
from tests.lstm_layer.pairs import (
    FEATURES,
    UNITS,
    AsWritten,
    assert_close,
    eager,
    graph,
    run,
    run_pair,
)

TOLERANCES = {"float64": 1e-10, "float32": 1e-5}
MODES = {"eager": eager, "graph": graph, "XLA": graph(jit_compile=True)}


@pytest.mark.parametrize(
    ("mode", "direction", "phase", "dtype"),
    [
        ("eager", "backwards", "training", "float64"),
        ("eager", "forwards", "inference", "float32"),
        ("graph", "forwards", "training", "float32"),
        ("graph", "backwards", "inference", "float64"),
        ("XLA", "forwards", "training", "float64"),
    ],
)
def test_it_gives_what_the_cell_gives(
    make_pair, inputs, holes, mode, direction, phase, dtype
):
    pair = make_pair(dtype=dtype, of_layer={"go_backwards": direction == "backwards"})
    data = inputs(dtype=dtype)
    received, expected = run_pair(
        pair, *data, holes, training=phase == "training", wrap=MODES[mode]
    )
    assert {r.dtype for r in received} == {tf.as_dtype(dtype)}
    assert len(received) == 9
    assert_close(received, expected, TOLERANCES[dtype])


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("eager", {"dropout": 0.4}),
        ("eager", {"recurrent_dropout": 0.4}),
        ("eager", {"weight_drop": 0.4}),
        ("graph", {"dropout": 0.3, "recurrent_dropout": 0.3, "weight_drop": 0.3}),
        ("graph", {"use_bias": False}),
    ],
    ids=str,
)
def test_with_an_option_it_gives_what_the_cell_gives(
    make_pair, inputs, holes, mode, options
):
    data = inputs(dtype="float64")
    pair = make_pair(dtype="float64", seed=5, **options)
    received, expected = run_pair(pair, *data, holes, wrap=MODES[mode])
    assert_close(received, expected, 1e-10)


@pytest.mark.parametrize(
    ("timesteps", "training"),
    [(1, True), (2, False), (300, True)],
    ids=["1, training", "2, inference", "300, training"],
)
def test_a_sequence_may_be_short_or_long(make_pair, inputs, timesteps, training):
    data = inputs(timesteps=timesteps, dtype="float64")
    pair = make_pair(dtype="float64")
    received, expected = run_pair(pair, *data, training=training, wrap=graph)
    assert_close(received, expected, 1e-9)


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_in_mixed_bfloat16_it_gives_what_the_cell_gives(
    make_pair, inputs, holes, training
):
    x, state = inputs()
    state = [s.astype("float32") for s in state]
    pair = make_pair(dtype="mixed_bfloat16")
    received, expected = run_pair(pair, x, state, holes, training)
    assert {r.dtype for r in received[:3]} == {tf.bfloat16}
    assert {r.dtype for r in received[-3:]} == {tf.float32}
    assert_close(received, expected, 0.05)


@pytest.mark.parametrize("make", [LSTM, lambda n: LSTM(cell=AsWritten(n))])
def test_no_timestep_is_an_error_that_says_so(make):
    layer = make(UNITS)
    with pytest.raises(ValueError, match=r"at least one timestep.*timesteps=0"):
        layer(np.zeros((3, 0, FEATURES), "float32"))
    signature = [tf.TensorSpec((None, None, FEATURES))]
    unknown = tf.function(layer.__call__, autograph=False, input_signature=signature)
    assert unknown(tf.zeros((3, 1, FEATURES))).shape == (3, UNITS)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one timestep"):
        unknown(tf.zeros((3, 0, FEATURES)))


def test_one_mask_of_weights_serves_a_sequence_and_the_next_has_another():
    layer = LSTM(UNITS, weight_drop=0.5)
    layer.build((None, None, FEATURES))
    drawn = []
    for _ in range(2):
        first, again = (np.array(layer.cell.get_weight_drop_mask()) for _ in "ab")
        np.testing.assert_array_equal(first, again)
        assert set(np.unique(first)) == {0.0, 2.0}
        layer.cell.reset_recurrent_dropout_mask()
        drawn.append(first)
    assert np.any(drawn[0] != drawn[1])


def test_a_dropped_weight_gets_no_gradient(make_pair, inputs):
    fast, _ = make_pair(weight_drop=0.5)
    gradient = np.array(run(fast, *inputs())[-2])
    assert gradient.shape == (UNITS, 4 * UNITS)
    assert 0.2 < np.mean(gradient == 0) < 0.8


def test_inference_draws_no_mask(make_pair, inputs):
    fast, slow = make_pair(dropout=0.5, recurrent_dropout=0.5, weight_drop=0.5, seed=1)
    x, state = inputs()
    for layer in (fast, slow):
        before = np.array(layer.cell.seed_generator.state)
        layer(x, initial_state=state, training=False)
        np.testing.assert_array_equal(layer.cell.seed_generator.state, before)
        layer(x, initial_state=state, training=True)
        assert np.any(layer.cell.seed_generator.state != before)


@pytest.mark.parametrize(
    ("batch", "training", "jit_compile"),
    [
        pytest.param(6, True, True, id="known, training, XLA"),
        pytest.param(6, False, True, id="known, inference, XLA"),
        pytest.param(None, True, True, id="unknown, training, XLA"),
        pytest.param(None, False, True, id="unknown, inference, XLA"),
        pytest.param(None, True, False, id="unknown, training, no XLA"),
    ],
)
def test_compiled_or_not_parts_give_what_the_cell_gives(
    make_pair, inputs, holes, monkeypatch, batch, training, jit_compile
):
    """The batch is split into two parts of three rows, which share a graph."""
    monkeypatch.setattr(schedule, "_cores", lambda: 2)
    monkeypatch.setattr(schedule, "MIN_ROWS_PER_PART", 3)
    fast, slow = make_pair(recurrent_dropout=0.5, seed=2)
    fast.jit_compile = jit_compile
    mask = tf.constant(np.concatenate([holes, ~holes]))
    shapes = [tf.TensorSpec((batch, 4, FEATURES)), [tf.TensorSpec((batch, UNITS))] * 2]
    data = inputs(batch=6)
    received, expected = run_pair(
        (fast, slow), *data, mask, training, wrap=lambda f: graph(f, shapes)
    )
    assert_close(received, expected, 1e-5)
