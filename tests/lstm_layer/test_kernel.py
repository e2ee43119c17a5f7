"""The kernel beside the cell as written: outputs, states, gradients, in every mode.

A subclass that changes nothing never runs through the kernel, so a layer with it is
the specification that the kernel is held to.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lstm_layer import LSTM, LSTMCell, chunks, schedule

FEATURES, UNITS = 2, 5
TOLERANCES = {"float64": 1e-10, "float32": 1e-5}


class AsWritten(LSTMCell):
    pass


@pytest.fixture
def make_pair(randomize):
    """Makes a layer that uses the kernel and one that does not, of the same weights."""

    def make(features=FEATURES, dtype="float32", of_layer=None, **of_cell):
        of_layer = {"return_sequences": True, "return_state": True, **(of_layer or {})}
        fast = LSTM(UNITS, **of_cell, **of_layer, dtype=dtype)
        slow = LSTM(cell=AsWritten(UNITS, **of_cell, dtype=dtype), **of_layer)
        slow.dtype_policy = fast.dtype_policy
        for layer in (fast, slow):
            layer.build((None, None, features))
        slow.set_weights(randomize(fast).get_weights())
        assert fast.uses_kernel
        assert not slow.uses_kernel
        return fast, slow

    return make


def run(layer, x, state, mask=None, training=True, wrap=lambda function: function):
    """Returns all results, and the gradients of a random loss of them."""

    def results_and_gradients(x, state):
        with tf.GradientTape() as tape:
            tape.watch([x, state])
            results = layer(x, initial_state=state, mask=mask, training=training)
            loss = 0.0
            for n, result in enumerate(results):
                weights = tf.random.stateless_normal(tf.shape(result), (3, n))
                loss += tf.reduce_sum(tf.cast(weights, result.dtype) * result)
        variables = [weight.value for weight in layer.trainable_weights]
        return [*results, *tape.gradient(loss, [x, *state, *variables])]

    return wrap(results_and_gradients)(tf.constant(x), [tf.constant(s) for s in state])


def assert_close(received, expected, relative):
    for one, other in zip(received, expected, strict=True):
        one, other = np.array(one, "float64"), np.array(other, "float64")
        scale = np.abs(other).max(initial=1.0)
        np.testing.assert_allclose(one, other, rtol=relative, atol=relative * scale)


@pytest.fixture
def inputs(draw):
    def make(batch=3, timesteps=4, features=FEATURES, dtype="float32"):
        x = draw(batch, timesteps, features, dtype=dtype)
        return x, [draw(batch, UNITS, dtype=dtype) for _ in range(2)]

    return make


MODES = {
    "eager": lambda function: function,
    "graph": tf.function,
    "XLA": tf.function(jit_compile=True),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("go_backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_it_gives_what_the_cell_gives(
    make_pair, inputs, holes, mode, go_backwards, training, dtype
):
    pair = make_pair(dtype=dtype, of_layer={"go_backwards": go_backwards})
    received, expected = (
        run(layer, *inputs_, holes, training, MODES[mode])
        for layer, inputs_ in zip(pair, [inputs(dtype=dtype)] * 2, strict=True)
    )
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
    received, expected = (
        run(layer, *data, holes, wrap=MODES[mode])
        for layer in make_pair(dtype="float64", seed=5, **options)
    )
    assert_close(received, expected, 1e-10)


@pytest.fixture
def ran(monkeypatch):
    """A list with an entry for each loop that the kernel has run or traced."""
    ran, own = [], schedule._run
    monkeypatch.setattr(schedule, "_run", lambda *a, **k: ran.append(1) or own(*a, **k))
    return ran


@pytest.mark.parametrize("parts", [1, 2, 3, 8])
@pytest.mark.parametrize("batch", [0, 1, 3, 7])
def test_any_batch_may_be_cut_into_any_number_of_parts(
    make_pair, inputs, monkeypatch, batch, parts
):
    monkeypatch.setattr(schedule, "_cores", lambda: parts)
    data = inputs(batch=batch)
    mask = np.arange(4) < np.arange(1, batch + 1)[:, None]
    received, expected = (
        run(layer, *data, mask, wrap=tf.function) for layer in make_pair()
    )
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
        "known": tf.function,
        "unknown": lambda function: tf.function(function, shapes),
        "eager": lambda function: function,
    }[where]
    if where == "unknown":
        mask = None
    received, expected = (
        run(layer, *data, mask, training=False, wrap=wrap) for layer in make_pair()
    )
    assert_close(received, expected, 1e-5)
    parts = min(3, batch // 2) if where == "known" else 1
    assert len(ran) == max(1, parts)


def test_a_batch_that_is_cut_keeps_its_known_size(inputs, monkeypatch):
    monkeypatch.setattr(schedule, "_cores", lambda: 2)
    monkeypatch.setattr(schedule, "MIN_ROWS_PER_PART", 1)
    layers = [LSTM(UNITS, stateful=True, return_sequences=True) for _ in range(2)]
    x, _ = inputs(batch=4)

    @tf.function
    def stack(x):
        first = layers[0](x)
        second = layers[1](first)  # stateful: refuses a batch of unknown size
        assert first.shape[0] == second.shape[0] == 4
        return second

    received = stack(tf.constant(x))
    for layer in layers:
        layer.reset_state()
    np.testing.assert_allclose(received, layers[1](layers[0](x)), atol=1e-6)


def test_a_large_recurrent_kernel_takes_the_products_out_of_the_compiled_part(
    make_pair, inputs, holes, monkeypatch
):
    monkeypatch.setattr(schedule, "LARGE_BYTES", 0)
    data = inputs()
    pair = make_pair(recurrent_dropout=0.5, seed=2)
    received, expected = (run(layer, *data, holes, wrap=tf.function) for layer in pair)
    assert_close(received, expected, 1e-5)


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


@pytest.mark.parametrize("timesteps", [1, 4, 5, 8, 9, 20, 21])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("masked", [True, False], ids=["mask", "no mask"])
def test_a_sequence_runs_in_chunks_and_gives_what_the_cell_gives(
    make_pair, inputs, traced_chunks, timesteps, known, masked
):
    data = inputs(timesteps=timesteps, dtype="float64")
    mask = np.arange(timesteps) % 3 != np.arange(3)[:, None] if masked else None
    options = {"recurrent_dropout": 0.5, "weight_drop": 0.5, "seed": 4}
    length = timesteps if known else None
    shapes = [tf.TensorSpec((3, length, FEATURES), "float64")]
    shapes.append([tf.TensorSpec((3, UNITS), "float64")] * 2)
    received, expected = (
        run(layer, *data, mask, wrap=lambda f: tf.function(f, shapes))
        for layer in make_pair(dtype="float64", **options)
    )
    assert_close(received, expected, 1e-10)
    assert traced_chunks
    if known:
        length = -(-timesteps // 3)
        assert set(traced_chunks) == {(None, 1) if timesteps < 9 else (length, 3)}


@pytest.mark.parametrize(
    ("timesteps", "length", "count"),
    [(1, 32, 1), (32, 32, 1), (33, 64, 1), (64, 64, 1), (65, 64, 2), (300, 64, 5)],
)
def test_few_lengths_of_chunks_serve_every_unknown_length(timesteps, length, count):
    found = chunks._chunks(tf.constant(timesteps), compiled=True, keep=True)
    assert [int(n) for n in found] == [length, count]


def test_xla_may_compile_all_around_a_long_sequence(make_pair, inputs, traced_chunks):
    data = inputs(timesteps=20)
    wrap = tf.function(jit_compile=True)
    received, expected = (run(layer, *data, wrap=wrap) for layer in make_pair())
    assert_close(received, expected, 1e-5)


@pytest.mark.parametrize("timesteps", [1, 2, 2000])
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_a_sequence_may_be_short_or_long(make_pair, inputs, timesteps, training):
    data = inputs(timesteps=timesteps, dtype="float64")
    received, expected = (
        run(layer, *data, training=training, wrap=tf.function)
        for layer in make_pair(dtype="float64")
    )
    assert_close(received, expected, 1e-9)


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_in_mixed_bfloat16_it_gives_what_the_cell_gives(
    make_pair, inputs, holes, training
):
    x, state = inputs()
    received, expected = (
        run(layer, x, [s.astype("float32") for s in state], holes, training)
        for layer in make_pair(dtype="mixed_bfloat16")
    )
    assert {r.dtype for r in received[:3]} == {tf.bfloat16}
    assert {r.dtype for r in received[-3:]} == {tf.float32}
    assert_close(received, expected, 0.05)


@pytest.mark.parametrize("make", [LSTM, lambda n: LSTM(cell=AsWritten(n))])
def test_no_timestep_is_an_error_that_says_so(make):
    layer = make(UNITS)
    with pytest.raises(ValueError, match=r"at least one timestep.*timesteps=0"):
        layer(np.zeros((3, 0, FEATURES), "float32"))
    signature = [tf.TensorSpec((None, None, FEATURES))]
    unknown = tf.function(layer.__call__, input_signature=signature)
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


def compiled_operations(layer, training):
    """Returns how many functions of the layer's graph must be compiled by XLA."""
    signature = [tf.TensorSpec((None, None, FEATURES))]
    function = tf.function(lambda x: layer(x, training=training), signature)
    graph = function.get_concrete_function().graph.as_graph_def()
    nodes = [n for f in graph.library.function for n in f.node_def] + [*graph.node]
    return sum("_XlaMustCompile" in f.attr for f in graph.library.function) + sum(
        "_XlaMustCompile" in node.attr for node in nodes
    )


@pytest.mark.parametrize(
    ("jit_compile", "where"),
    [("auto", {True}), (True, {True, False}), (False, set())],
)
def test_it_asks_for_xla_in_training_only_or_as_it_is_told(jit_compile, where):
    layer = LSTM(UNITS, jit_compile=jit_compile)
    found = {
        training for training in (True, False) if compiled_operations(layer, training)
    }
    assert found == where


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
    received, expected = (
        run(layer, *inputs_, mask, training, lambda f: tf.function(f, shapes))
        for layer, inputs_ in zip((fast, slow), [inputs()] * 2, strict=True)
    )
    assert_close(received, expected, 1e-5)


def test_what_compiles_the_loop_is_saved_with_the_layer():
    config = LSTM(UNITS, jit_compile=True).get_config()
    assert LSTM.from_config(config).jit_compile is True
    assert LSTM.from_config(keras.layers.LSTM(UNITS).get_config()).jit_compile == "auto"
    with pytest.raises(ValueError, match=r"\"auto\", True or False. Received:.*'on'"):
        LSTM(UNITS, jit_compile="on")


def test_keras_leaves_the_compiling_to_the_kernel():
    model = keras.Sequential([keras.Input((4, FEATURES)), LSTM(UNITS)])
    model.compile("sgd", "mse")
    assert model.jit_compile is False


def test_fit_gives_what_it_gives_with_the_cell(make_pair, draw):
    x, y = draw(8, 4, FEATURES), draw(8, UNITS)
    trained = []
    for layer in make_pair(of_layer={"return_sequences": False, "return_state": False}):
        model = keras.Sequential([keras.Input((4, FEATURES)), layer])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    assert_close(*trained, 1e-4)


def test_it_trains_under_a_distribution_strategy(make_pair, draw):
    x, y = draw(8, 4, FEATURES), draw(8, UNITS)
    alone, _ = make_pair(of_layer={"return_sequences": False, "return_state": False})
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    with strategy.scope():
        shared = LSTM(UNITS)
        model = keras.Sequential([keras.Input((4, FEATURES)), shared])
        model.compile(keras.optimizers.SGD(0.1), "mse")
    shared.set_weights(alone.get_weights())
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    other = keras.Sequential([keras.Input((4, FEATURES)), alone])
    other.compile(keras.optimizers.SGD(0.1), "mse")
    other.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert_close(shared.get_weights(), alone.get_weights(), 1e-4)


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
        tf.function(gradient, [tf.TensorSpec((batch, None, FEATURES))])(x)
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
        graph = tf.function(lambda x: layer(x), signature).get_concrete_function().graph
        graph = graph.as_graph_def()
        functions = [len(f.node_def) for f in graph.library.function]
        return len(graph.node) + sum(functions)

    assert nodes(1) == nodes(cores) < 200
