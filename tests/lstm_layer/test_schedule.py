"""How the kernel runs: in parts, in chunks, compiled or not, and by which graphs."""

import os

import numpy as np
import pytest
import tensorflow as tf

from lstm_layer import LSTM, chunks, schedule
from tests.lstm_layer.pairs import FEATURES, UNITS, assert_close, graph, run_pair

SIZE = 4 * UNITS * 4 * UNITS  # bytes of a float32 recurrent kernel
# `LARGE_BYTES`, `jit_compile`, and the loops that run for a batch on two cores.
LARGE = [(SIZE - 1, True, 1), (SIZE, True, 2), (SIZE - 1, False, 2)]


@pytest.fixture
def ran(monkeypatch):
    """A list with an entry for each loop that the kernel has run or traced."""
    ran, own = [], schedule._run
    monkeypatch.setattr(schedule, "_run", lambda *a, **k: ran.append(1) or own(*a, **k))
    return ran


@pytest.mark.parametrize("parts", [1, 3, 8])
@pytest.mark.parametrize("batch", [0, 1, 7])
def test_any_batch_may_be_cut_into_any_number_of_parts(
    make_pair, inputs, monkeypatch, batch, parts
):
    monkeypatch.setattr(schedule, "_cores", lambda: parts)
    data = inputs(batch=batch)
    mask = np.arange(4) < np.arange(1, batch + 1)[:, None]
    received, expected = run_pair(make_pair(), *data, mask, wrap=graph)
    assert received[0].shape == (batch, 4, UNITS)
    assert_close(received, expected, 1e-5)


@pytest.mark.parametrize("batch", [0, 1, 5, 6, 7])
@pytest.mark.parametrize("where", ["known", "unknown", "eager"])
def test_outside_training_parts_have_rows_enough_or_the_batch_stays_whole(
    make_pair, inputs, monkeypatch, ran, where, batch
):
    monkeypatch.setattr(schedule, "_cores", lambda: 3)
    monkeypatch.setattr(schedule, "MIN_ROWS_PER_PART", 2)
    data = inputs(batch=batch)
    mask = np.arange(4) < np.arange(1, batch + 1)[:, None]
    shapes = [tf.TensorSpec((None, 4, FEATURES)), [tf.TensorSpec((None, UNITS))] * 2]
    wrap = {
        "known": graph,
        "unknown": lambda function: graph(function, shapes),
        "eager": lambda function: function,
    }[where]
    if where == "unknown":
        mask = None
    received, expected = run_pair(make_pair(), *data, mask, training=False, wrap=wrap)
    assert_close(received, expected, 1e-5)
    parts = min(3, batch // 2) if where == "known" else 1
    assert len(ran) == max(1, parts)


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
    assert schedule._cores() == cores


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


@pytest.mark.parametrize(("limit", "compiled", "parts"), LARGE)
def test_a_large_recurrent_kernel_is_read_by_one_compiled_loop(
    make_pair, inputs, holes, monkeypatch, ran, limit, compiled, parts
):
    monkeypatch.setattr(schedule, "_cores", lambda: 2)
    monkeypatch.setattr(schedule, "LARGE_BYTES", limit)
    data = inputs()
    pair = make_pair(recurrent_dropout=0.5, seed=2, of_layer={"jit_compile": compiled})
    received, expected = run_pair(pair, *data, holes, wrap=graph)
    assert_close(received, expected, 1e-5)
    assert len(ran) == parts


@pytest.fixture
def traced_chunks(monkeypatch):
    """A list with the length and number of chunks of each loop that was traced."""
    found, own = [], chunks._chunks
    monkeypatch.setattr(chunks, "MIN_CHUNKED_TIMESTEPS", 9)
    monkeypatch.setattr(chunks, "NUM_CHUNKS", 3)
    monkeypatch.setattr(chunks, "CHUNK_LENGTHS", (4, 8))

    def note(*arguments):
        found.append(own(*arguments))
        return found[-1]

    monkeypatch.setattr(chunks, "_chunks", note)
    caches = (schedule._graph, schedule._compiled_graph)
    for cache in caches:
        cache.cache_clear()
    yield found
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize(
    ("timesteps", "masked"), [*((n, True) for n in (1, 5, 8, 9, 20)), (20, False)]
)
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_sequence_runs_in_chunks_and_gives_what_the_cell_gives(
    make_pair, inputs, traced_chunks, monkeypatch, timesteps, known, masked
):
    if not known:  # few lengths are for XLA alone
        monkeypatch.setenv("CAROUSEL_XLA", "1")
    data = inputs(timesteps=timesteps, dtype="float64")
    mask = np.arange(timesteps) % 3 != np.arange(3)[:, None] if masked else None
    options = {"recurrent_dropout": 0.5, "weight_drop": 0.5, "seed": 4}
    length = timesteps if known else None
    shapes = [tf.TensorSpec((3, length, FEATURES), "float64")]
    shapes.append([tf.TensorSpec((3, UNITS), "float64")] * 2)
    received, expected = run_pair(
        make_pair(dtype="float64", **options),
        *data,
        mask,
        wrap=lambda f: graph(f, shapes),
    )
    assert_close(received, expected, 1e-10)
    if known:
        length = -(-timesteps // 3)
        assert set(traced_chunks) == {(None, 1) if timesteps < 9 else (length, 3)}
    else:
        assert traced_chunks
        assert all(tf.is_tensor(length) for length, _ in traced_chunks)


@pytest.mark.parametrize(
    ("timesteps", "length", "count"),
    [(1, 32, 1), (32, 32, 1), (33, 64, 1), (64, 64, 1), (65, 64, 2), (300, 64, 5)],
)
def test_few_lengths_of_chunks_serve_every_unknown_length(timesteps, length, count):
    found = chunks._chunks(tf.constant(timesteps), compiled=True, keep=True)
    assert [int(n) for n in found] == [length, count]


def test_xla_may_compile_all_around_a_long_sequence(make_pair, inputs, traced_chunks):
    data = inputs(timesteps=20)
    wrap = graph(jit_compile=True)
    received, expected = run_pair(make_pair(), *data, wrap=wrap)
    assert_close(received, expected, 1e-5)


def compiled_operations(layer, training):
    """Returns how many functions of the layer's graph must be compiled by XLA."""
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
    found = {
        training for training in (True, False) if compiled_operations(layer, training)
    }
    assert found == where


def test_a_graph_for_any_batch_serves_a_known_one_and_keeps_its_size(inputs):
    """`tf.function` takes what it traced for unknown sizes where sizes are known."""
    x, _ = inputs(batch=4, timesteps=7)
    layer = LSTM(UNITS, return_sequences=True)
    layer.build(x.shape)

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, training=True)
        assert outputs.shape[0] == x.shape[0]
        return tape.gradient(outputs, x)

    found = [
        graph(gradient, [tf.TensorSpec((batch, None, FEATURES))])(x)
        for batch in (None, 4)
    ]
    np.testing.assert_allclose(*found, atol=1e-6)


@pytest.mark.parametrize("cores", [2, 8])
def test_a_graph_for_any_batch_does_not_depend_on_the_cores(cores, monkeypatch):
    """A saved model is the same whichever machine wrote it."""
    layer = LSTM(UNITS)
    layer.build((None, None, FEATURES))

    def nodes(cores):
        monkeypatch.setattr(schedule, "_cores", lambda: cores)
        signature = [tf.TensorSpec((None, None, FEATURES))]
        function = graph(lambda x: layer(x), signature).get_concrete_function()
        traced = function.graph.as_graph_def()
        functions = [len(f.node_def) for f in traced.library.function]
        return len(traced.node) + sum(functions)

    assert nodes(1) == nodes(cores) < 200
