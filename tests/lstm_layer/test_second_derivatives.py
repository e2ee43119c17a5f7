"""Tests second derivatives against those of `keras.layers.LSTM`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lstm_layer import LSTM, chunks, schedule

BATCH, TIMESTEPS, FEATURES, UNITS = 3, 4, 2, 5
TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
WRAP = {"eager": lambda function: function, "graph": tf.function(autograph=False)}


@pytest.fixture
def dtype(request):
    return getattr(request, "param", "float64")


@pytest.fixture
def twins(randomize, dtype):
    """Makes an `LSTM` and a `keras.layers.LSTM` that have the same random weights."""
    layers = [
        lstm(UNITS, return_sequences=True, return_state=True, dtype=dtype)
        for lstm in (LSTM, keras.layers.LSTM)
    ]
    for layer in layers:
        layer.build((BATCH, TIMESTEPS, FEATURES))
    layers[1].set_weights(randomize(layers[0]).get_weights())
    return layers


@pytest.fixture
def arguments(draw, dtype):
    """Returns x, h_0, C_0 and a direction of the same shapes."""
    sizes = [(BATCH, TIMESTEPS, FEATURES), (BATCH, UNITS), (BATCH, UNITS)]
    return [tuple(tf.constant(draw(*s, dtype=dtype)) for s in sizes) for _ in range(2)]


def loss_of(results):
    """Returns a random weighted sum of results and squares; all weights differ."""
    total = 0.0
    for n, result in enumerate(tf.nest.flatten(results)):
        weights = tf.random.stateless_normal(
            tf.shape(result), (3, n), dtype=result.dtype
        )
        total += tf.reduce_sum(weights * (result + result**2))
    return total


def weights_of(layer):
    return [weight.value for weight in layer.trainable_weights]


def assert_close(received, expected, dtype):
    """Compares relative to the largest number of a tensor; no tensor may be zero."""
    for one, other in zip(received, expected, strict=True):
        one, other = np.array(one, "float64"), np.array(other, "float64")
        scale = np.abs(other).max()
        assert scale > 1e-3
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCES[dtype] * scale)


def gradient_penalty(layer, arguments, mask, training):
    """Returns a penalty on all first gradients, and its gradients."""
    (x, h, c), _ = arguments
    watched = [x, h, c, *weights_of(layer)]
    with tf.GradientTape() as outer:
        outer.watch(watched)
        with tf.GradientTape() as inner:
            inner.watch(watched)
            loss = loss_of(layer(x, initial_state=[h, c], mask=mask, training=training))
        gradients = inner.gradient(loss, watched)
        penalty = sum(
            tf.reduce_sum(tf.cast(n + 1, g.dtype) * g**2)
            for n, g in enumerate(gradients)
        )
    return [penalty, *outer.gradient(penalty, watched)]


@pytest.mark.parametrize(
    ("mode", "masked", "training"),
    [
        pytest.param("eager", True, True, id="eager, mask, training"),
        pytest.param("eager", False, False, id="eager, no mask, inference"),
        pytest.param("graph", True, False, id="graph, mask, inference"),
    ],
)
def test_a_gradient_penalty_has_the_gradients_it_has_in_keras(
    twins, arguments, holes, dtype, mode, masked, training
):
    ours, theirs = twins
    mask = tf.constant(holes) if masked else None
    received = WRAP[mode](lambda: gradient_penalty(ours, arguments, mask, training))()
    expected = gradient_penalty(theirs, arguments, mask, training)
    assert len(received) == 7
    assert_close(received, expected, dtype)


def test_a_gradient_penalty_with_recurrent_dropout_has_the_gradients_of_the_cell(
    make_pair, arguments, dtype
):
    """Both layers draw the same mask, since they have the same seed."""
    (x, h, c), _ = arguments
    short = ([x[:, :2], h, c], None)
    received, expected = (
        gradient_penalty(layer, short, None, training=True)
        for layer in make_pair(dtype=dtype, recurrent_dropout=0.5, seed=2)
    )
    assert_close(received, expected, dtype)


@pytest.mark.parametrize(
    ("mode", "dtype"),
    [("eager", "float32"), ("graph", "float64")],
    indirect=["dtype"],
)
def test_no_gradient_is_missing_where_what_follows_is_linear(
    twins, arguments, dtype, mode
):
    ours, theirs = twins
    received = WRAP[mode](lambda: linear_penalty(ours, arguments))()
    assert_close(received, linear_penalty(theirs, arguments), dtype)


def linear_penalty(layer, arguments):
    """Returns the gradients of a penalty on the gradient of a linear score."""
    (x, _, _), _ = arguments
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(x)
            outputs, *_ = layer(x, training=True)
            score = tf.reduce_sum(outputs)
        penalty = tf.reduce_sum(inner.gradient(score, x) ** 2)
    return outer.gradient(penalty, weights_of(layer))


def forward_over_reverse(layer, arguments):
    """Returns the Hessian-vector product in x, h_0 and C_0, in forward mode."""
    point, direction = arguments
    with tf.autodiff.ForwardAccumulator(point, direction) as accumulator:
        with tf.GradientTape() as tape:
            tape.watch(point)
            x, h, c = point
            loss = loss_of(layer(x, initial_state=[h, c], training=True))
        gradients = tape.gradient(loss, point)
    return [*gradients, *(accumulator.jvp(g) for g in gradients)]


def reverse_over_reverse(layer, arguments):
    """Returns the same product in reverse mode, as the gradient of the gradients."""
    point, direction = arguments
    with tf.GradientTape() as outer:
        outer.watch(point)
        with tf.GradientTape() as tape:
            tape.watch(point)
            x, h, c = point
            loss = loss_of(layer(x, initial_state=[h, c], training=True))
        gradients = tape.gradient(loss, point)
    products = outer.gradient(gradients, point, output_gradients=direction)
    return [*gradients, *products]


@pytest.mark.parametrize(
    ("product", "mode"),
    [(forward_over_reverse, "eager"), (reverse_over_reverse, "graph")],
)
def test_a_hessian_vector_product_is_that_of_keras(
    twins, arguments, dtype, mode, product
):
    ours, theirs = twins
    received = WRAP[mode](lambda: product(ours, arguments))()
    expected = reverse_over_reverse(theirs, arguments)
    assert_close(received, expected, dtype)


def test_in_a_graph_forward_mode_is_refused_by_name(twins, arguments):
    """Keras's layer raises an error there too."""
    ours, theirs = twins
    with pytest.raises(NotImplementedError, match=r"Inside a.*eagerly"):
        tf.function(lambda: forward_over_reverse(ours, arguments), autograph=False)()
    with pytest.raises(TypeError):
        tf.function(lambda: forward_over_reverse(theirs, arguments), autograph=False)()


def test_a_directional_derivative_is_that_of_keras(twins, arguments, dtype):
    received, expected = [], []
    for layer, derivatives in zip(twins, (received, expected), strict=True):
        (x, h, c), direction = arguments
        with tf.autodiff.ForwardAccumulator((x, h, c), direction) as accumulator:
            results = layer(x, initial_state=[h, c], training=True)
        derivatives.extend(map(accumulator.jvp, results))
    assert_close(received, expected, dtype)


def test_the_gradient_through_an_inner_step_is_that_of_keras(twins, arguments, dtype):
    ours, theirs = twins
    received = tf.function(lambda: inner_step(ours, arguments), autograph=False)()
    assert_close(received, inner_step(theirs, arguments), dtype)


def inner_step(layer, arguments):
    """Returns the gradients of the loss after one gradient step on x, as in MAML."""
    (x, h, c), _ = arguments
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            loss = loss_of(layer(x, initial_state=[h, c], training=True))
        adapted = x - 0.1 * inner.gradient(loss, x)
        loss = loss_of(layer(adapted, initial_state=[h, c], training=True))
    return outer.gradient(loss, [x, *weights_of(layer)])


@pytest.mark.parametrize(
    ("timesteps", "parts"), [(7, 2), (None, 1)], ids=["known", "unknown"]
)
def test_parts_and_chunks_have_second_derivatives(
    twins, draw, dtype, monkeypatch, xla_left_out, timesteps, parts
):
    """With XLA and an unknown length, training runs in chunks of few lengths."""
    monkeypatch.setattr(schedule, "_cores", lambda: parts)
    monkeypatch.setattr(chunks, "MIN_CHUNKED_TIMESTEPS", 7)
    monkeypatch.setattr(chunks, "NUM_CHUNKS", 3)
    monkeypatch.setattr(chunks, "CHUNK_LENGTHS", (2, 3))
    batch = 4  # two parts of equal size share a graph
    x = tf.constant(draw(batch, 7, FEATURES, dtype=dtype))
    state = [tf.constant(draw(batch, UNITS, dtype=dtype)) for _ in range(2)]
    signature = [tf.TensorSpec((batch, timesteps, FEATURES), dtype)]

    def penalty(layer):
        @tf.function(autograph=False, input_signature=signature)
        def graph(x):
            return gradient_penalty(layer, ([x, *state], None), None, training=True)

        return graph(x)

    ours, theirs = twins
    expected = gradient_penalty(theirs, ([x, *state], None), None, training=True)
    assert_close(penalty(ours), expected, dtype)
