"""The kernel beside the cell as written: outputs, states, gradients, in every mode."""

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


@pytest.mark.parametrize("go_backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(
    ("mode", "dtype"),
    [
        *((mode, "float64") for mode in MODES),
        ("eager", "float32"),
        ("graph", "float32"),
    ],
)
def test_it_gives_what_the_cell_gives(
    make_pair, inputs, holes, mode, go_backwards, training, dtype
):
    pair = make_pair(dtype=dtype, of_layer={"go_backwards": go_backwards})
    data = inputs(dtype=dtype)
    received, expected = run_pair(pair, *data, holes, training, wrap=MODES[mode])
    assert {r.dtype for r in received} == {tf.as_dtype(dtype)}
    assert len(received) == 9
    assert_close(received, expected, TOLERANCES[dtype])


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.4},
        {"recurrent_dropout": 0.4},
        {"weight_drop": 0.4},
        {"dropout": 0.3, "recurrent_dropout": 0.3, "weight_drop": 0.3},
        {"use_bias": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_with_an_option_it_gives_what_the_cell_gives(
    make_pair, inputs, holes, options, mode
):
    data = inputs(dtype="float64")
    pair = make_pair(dtype="float64", seed=5, **options)
    received, expected = run_pair(pair, *data, holes, wrap=MODES[mode])
    assert_close(received, expected, 1e-10)


@pytest.mark.parametrize("timesteps", [1, 2, 2000])
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
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


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("batch", [3, None], ids=["known", "unknown"])
def test_compiled_or_not_it_gives_what_the_cell_gives(
    make_pair, inputs, holes, monkeypatch, jit_compile, training, batch
):
    monkeypatch.setattr(schedule, "_cores", lambda: 2)
    monkeypatch.setattr(schedule, "MIN_ROWS_PER_PART", 1)
    fast, slow = make_pair()
    fast.jit_compile = jit_compile
    mask = tf.constant(holes)
    shapes = [tf.TensorSpec((batch, 4, FEATURES)), [tf.TensorSpec((batch, UNITS))] * 2]
    received, expected = run_pair(
        (fast, slow), *inputs(), mask, training, wrap=lambda f: graph(f, shapes)
    )
    assert_close(received, expected, 1e-5)
