"""Tests how the fast loop runs: in parts, in chunks, with or without XLA."""

import os

import numpy as np
import pytest
import tensorflow as tf

from lstm_layer import LSTM, chunks, schedule
from tests.lstm_layer.pairs import (
    FEATURES,
    UNITS,
    assert_close,
    differentiated,
    eager,
    graph,
    run,
    run_pair,
)

SIZE = 4 * UNITS * 4 * UNITS  # bytes of a float32 recurrent kernel
cores_of_the_machine = schedule._cores  # conftest.py replaces it


@pytest.fixture
def ran(monkeypatch):
    """Returns a list that gets an entry for each loop that is run or traced."""
    ran, own = [], schedule._run
    monkeypatch.setattr(schedule, "_run", lambda *a, **k: ran.append(1) or own(*a, **k))
    return ran


def of_unknown_size(function):
    shapes = [tf.TensorSpec((None, 4, FEATURES)), [tf.TensorSpec((None, UNITS))] * 2]
    return graph(function, shapes)


@pytest.mark.parametrize(
    ("batch", "cores", "parts"),
    [(0, 3, 1), (7, 3, 3), (2, 8, 2)],
    ids=["no row", "7-3", "a row each"],
)
def test_any_batch_may_be_cut_into_any_number_of_parts(
    make_pair, inputs, monkeypatch, ran, batch, cores, parts
):
    monkeypatch.setattr(schedule, "_cores", lambda: cores)
    data = inputs(batch=batch)
    mask = np.arange(4) < np.arange(1, batch + 1)[:, None]
    pair = make_pair(recurrent_dropout=0.5, seed=2)
    received, expected = run_pair(pair, *data, mask, wrap=graph)
    assert received[0].shape == (batch, 4, UNITS)
    assert_close(received, expected, 1e-5)
    assert len(ran) == parts


def test_a_part_of_a_batch_of_unknown_size_may_have_no_row(
    make_pair, inputs, monkeypatch, ran
):
    monkeypatch.setattr(schedule, "_cores", lambda: 3)
    data = inputs(batch=2)
    received, expected = run_pair(make_pair(), *data, wrap=of_unknown_size)
    assert_close(received, expected, 1e-5)
    assert len(ran) == 3


@pytest.mark.parametrize(
    ("where", "batch", "parts"),
    [
        ("known", 5, 2),
        ("known", 9, 3),
        ("unknown", 9, 1),
        ("eager", 9, 1),
    ],
)
def test_outside_training_parts_have_rows_enough_or_the_batch_stays_whole(
    make_pair, inputs, monkeypatch, ran, where, batch, parts
):
    monkeypatch.setattr(schedule, "_cores", lambda: 3)
    monkeypatch.setattr(schedule, "MIN_ROWS_PER_PART", 2)
    data = inputs(batch=batch)
    mask = np.arange(4) < np.arange(1, batch + 1)[:, None]
    wrap = {"known": graph, "unknown": of_unknown_size, "eager": eager}[where]
    if where == "unknown":
        mask = None
    received, expected = run_pair(make_pair(), *data, mask, training=False, wrap=wrap)
    assert_close(received, expected, 1e-5)
    assert len(ran) == parts


@pytest.mark.parametrize(
    ("gpus", "threads", "cores"), [([], 0, 3), ([], 2, 2), (["GPU:0"], 0, 1)]
)
def test_loops_run_side_by_side_on_the_cores_that_the_process_may_use(
    monkeypatch, gpus, threads, cores
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 4, 5}, raising=False)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: gpus)
    threading = tf.config.threading
    monkeypatch.setattr(threading, "get_inter_op_parallelism_threads", lambda: threads)
    assert cores_of_the_machine() == cores


def test_a_batch_that_is_cut_keeps_its_known_size(inputs, monkeypatch):
    monkeypatch.setattr(schedule, "_cores", lambda: 2)
    monkeypatch.setattr(schedule, "MIN_ROWS_PER_PART", 1)
    layers = [LSTM(UNITS, stateful=True, return_sequences=True) for _ in range(2)]
    x, _ = inputs(batch=4)

    @graph
    def stack(x):
        first = layers[0](x)
        second = layers[1](first)  # stateful: refuses a batch of unknown size
        assert first.shape[0] == second.shape[0] == 4
        return second

    received = stack(tf.constant(x))
    for layer in layers:
        layer.reset_state()
    np.testing.assert_allclose(received, layers[1](layers[0](x)), atol=1e-6)


@pytest.mark.parametrize(
    ("limit", "compiled", "loops"),
    [(SIZE - 1, True, 1), (SIZE, True, 2), (SIZE - 1, False, 2)],
    ids=["large", "small", "not compiled"],
)
def test_a_large_recurrent_kernel_is_read_by_one_compiled_loop(
    make_pair, inputs, monkeypatch, ran, limit, compiled, loops
):
    """The graph is only traced, so that XLA compiles nothing."""
    monkeypatch.setattr(schedule, "_cores", lambda: 2)
    monkeypatch.setattr(schedule, "LARGE_BYTES", limit)
    fast, _ = make_pair(of_layer={"jit_compile": compiled})
    x, state = inputs()
    function = graph(differentiated(fast))
    function.get_concrete_function(tf.constant(x), [tf.constant(s) for s in state])
    assert len(ran) == loops


@pytest.fixture
def traced_chunks(monkeypatch):
    """Returns a list that gets length and number of chunks of each traced loop."""
    traced, own = [], chunks._chunks
    monkeypatch.setattr(chunks, "MIN_CHUNKED_TIMESTEPS", 9)
    monkeypatch.setattr(chunks, "NUM_CHUNKS", 3)
    monkeypatch.setattr(chunks, "CHUNK_LENGTHS", (4, 8))

    def note(*arguments):
        traced.append(own(*arguments))
        return traced[-1]

    monkeypatch.setattr(chunks, "_chunks", note)
    caches = (schedule._graph, schedule._compiled_graph)
    for cache in caches:
        cache.cache_clear()
    yield traced
    for cache in caches:
        cache.cache_clear()


DROPPED = {"recurrent_dropout": 0.5, "weight_drop": 0.5, "seed": 4}


def with_holes(timesteps):
    return np.arange(timesteps) % 3 != np.arange(3)[:, None]


@pytest.mark.parametrize(
    ("timesteps", "masked", "chunk"),
    [
        pytest.param(8, True, (None, 1), id="8, mask"),
        pytest.param(9, True, (3, 3), id="9, mask"),
        pytest.param(20, True, (7, 3), id="20, mask"),
        pytest.param(20, False, (7, 3), id="20, no mask"),
    ],
)
def test_a_sequence_runs_in_chunks_and_gives_what_the_cell_gives(
    make_pair, inputs, traced_chunks, timesteps, masked, chunk
):
    data = inputs(timesteps=timesteps, dtype="float64")
    mask = with_holes(timesteps) if masked else None
    pair = make_pair(dtype="float64", **DROPPED)
    received, expected = run_pair(pair, *data, mask, wrap=graph)
    assert_close(received, expected, 1e-10)
    assert set(traced_chunks) == {chunk}


def test_chunks_made_for_xla_give_what_the_cell_gives(
    make_pair, inputs, traced_chunks, xla_left_out
):
    data = inputs(timesteps=20, dtype="float64")
    pair = make_pair(dtype="float64", **DROPPED)
    received, expected = run_pair(pair, *data, with_holes(20), wrap=graph)
    assert_close(received, expected, 1e-10)
    assert set(traced_chunks) == {(7, 3)}


SPECS = [
    tf.TensorSpec((3, None, FEATURES), "float64"),
    [tf.TensorSpec((3, UNITS), "float64")] * 2,
]


def test_one_graph_runs_every_unknown_length_in_chunks_of_few_lengths(
    make_pair, inputs, traced_chunks, monkeypatch
):
    monkeypatch.setenv("CAROUSEL_XLA", "1")  # without XLA there is one chunk
    fast, slow = make_pair(dtype="float64", **DROPPED)

    @graph(input_signature=[*SPECS, tf.TensorSpec((3, None), "bool")])
    def of_any_length(x, state, mask):
        return differentiated(fast, mask)(x, state)

    for timesteps in (1, 5, 8, 9, 20):
        x, state = inputs(timesteps=timesteps, dtype="float64")
        mask = with_holes(timesteps)
        received = of_any_length(x, state, mask)
        assert_close(received, run(slow, x, state, mask), 1e-10)
    assert traced_chunks
    assert all(tf.is_tensor(length) for length, _ in traced_chunks)


def test_an_unknown_length_without_a_mask_runs_in_chunks_too(
    make_pair, inputs, traced_chunks, xla_left_out
):
    data = inputs(timesteps=20, dtype="float64")
    received, expected = run_pair(
        make_pair(dtype="float64"), *data, wrap=lambda f: graph(f, SPECS)
    )
    assert_close(received, expected, 1e-10)
    assert traced_chunks
    assert all(tf.is_tensor(length) for length, _ in traced_chunks)


@pytest.mark.parametrize(
    ("timesteps", "length", "count"),
    [(1, 32, 1), (32, 32, 1), (33, 64, 1), (64, 64, 1), (65, 64, 2), (300, 64, 5)],
)
def test_few_lengths_of_chunks_serve_every_unknown_length(timesteps, length, count):
    chosen = chunks._chunks(tf.constant(timesteps), compiled=True, save=True)
    assert [int(n) for n in chosen] == [length, count]


def test_xla_may_compile_all_around_a_long_sequence(make_pair, inputs, traced_chunks):
    data = inputs(timesteps=20)
    wrap = graph(jit_compile=True)
    received, expected = run_pair(make_pair(), *data, wrap=wrap)
    assert_close(received, expected, 1e-5)


def compiled_operations(layer, training):
    """Returns how many functions and nodes of the layer's graph require XLA."""
    signature = [tf.TensorSpec((None, None, FEATURES))]
    function = graph(lambda x: layer(x, training=training), signature)
    traced = function.get_concrete_function().graph.as_graph_def()
    nodes = [n for f in traced.library.function for n in f.node_def] + [*traced.node]
    return sum("_XlaMustCompile" in f.attr for f in traced.library.function) + sum(
        "_XlaMustCompile" in node.attr for node in nodes
    )


@pytest.mark.parametrize(
    ("jit_compile", "where"),
    [("auto", {True}), (True, {True, False}), (False, set())],
)
def test_it_asks_for_xla_in_training_only_or_as_it_is_told(
    jit_compile, where, monkeypatch
):
    monkeypatch.setenv("CAROUSEL_XLA", "1")
    layer = LSTM(UNITS, jit_compile=jit_compile)
    compiled = {
        training for training in (True, False) if compiled_operations(layer, training)
    }
    assert compiled == where


def test_a_graph_for_any_batch_serves_a_known_one_and_keeps_its_size(
    inputs, monkeypatch
):
    """`tf.function` reuses a trace for unknown sizes where sizes are known."""
    monkeypatch.setattr(schedule, "_cores", lambda: 2)
    x, _ = inputs(batch=4, timesteps=7)
    layer = LSTM(UNITS, return_sequences=True)
    layer.build(x.shape)

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, training=True)
        assert outputs.shape[0] == x.shape[0]
        return tape.gradient(outputs, x)

    gradients = [
        graph(gradient, [tf.TensorSpec((batch, None, FEATURES))])(x)
        for batch in (None, 4)
    ]
    np.testing.assert_allclose(*gradients, atol=1e-6)


def test_a_graph_for_any_batch_does_not_depend_on_the_cores(monkeypatch):
    """A saved model must not depend on the machine that wrote it."""
    layer = LSTM(UNITS)
    layer.build((None, None, FEATURES))

    def nodes(cores):
        monkeypatch.setattr(schedule, "_cores", lambda: cores)
        signature = [tf.TensorSpec((None, None, FEATURES))]
        function = graph(lambda x: layer(x), signature).get_concrete_function()
        traced = function.graph.as_graph_def()
        functions = [len(f.node_def) for f in traced.library.function]
        return len(traced.node) + sum(functions)

    assert nodes(1) == nodes(2) == nodes(8) < 200
