"""Tests the layer over a sequence: its numbers, its states, the ways to call it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lstm_layer import LSTM

BATCH, TIMESTEPS, FEATURES, UNITS = 3, 4, 2, 5


def assert_close(received, expected, atol=1e-5):
    for one, other in zip(received, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


@pytest.mark.parametrize(
    "options",
    [{}, {"go_backwards": True}, {"go_backwards": True, "unroll": True}],
    ids=["forwards", "backwards", "backwards, unrolled"],
)
def test_a_float64_sequence_follows_the_oracle_to_its_last_digits(
    oracle, make_layer, draw, state, mask, options
):
    of_all = {"return_sequences": True, "return_state": True, "dtype": "float64"}
    layer = make_layer(**of_all, **options)
    x = draw(BATCH, TIMESTEPS, FEATURES, dtype="float64")
    received = layer(x, initial_state=state, mask=mask)
    backwards = layer.go_backwards
    expected = oracle(layer.get_weights()).sequence(x, state, mask, backwards)
    assert_close(received, expected, atol=1e-13)


def test_without_an_initial_state_a_sequence_starts_from_zeros(oracle, make_layer, x):
    layer = make_layer(return_sequences=True, return_state=True)
    assert_close(layer(x), oracle(layer.get_weights()).sequence(x))


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("return_state", [False, True])
def test_the_return_options_choose_among_the_same_numbers(
    make_layer, x, holes, return_sequences, return_state
):
    whole = make_layer(return_sequences=True, return_state=True)
    outputs, h, c = whole(x, mask=holes)
    layer = make_layer(return_sequences=return_sequences, return_state=return_state)
    layer.set_weights(whole.get_weights())
    received = layer(x, mask=holes)
    expected = [outputs if return_sequences else outputs[:, -1]]
    expected += [h, c] if return_state else []
    assert_close(received if return_state else [received], expected, atol=1e-6)


def test_the_symbolic_shapes_are_those_of_the_outputs():
    layer = LSTM(UNITS, return_sequences=True, return_state=True)
    outputs, h, c = layer(keras.Input((None, FEATURES)))
    assert tuple(outputs.shape) == (None, None, UNITS)
    assert tuple(h.shape) == tuple(c.shape) == (None, UNITS)
    assert layer.compute_output_shape((2, 7, FEATURES))[0] == (2, 7, UNITS)
    assert layer.units == UNITS


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "tf.function"])
def test_frame_by_frame_with_the_state_carried_is_the_whole_sequence(
    make_layer, x, graph
):
    layer = make_layer(return_sequences=True, return_state=True)
    outputs, *last_states = layer(x)
    step = tf.function(layer, autograph=False) if graph else layer
    state = layer.get_initial_state(batch_size=BATCH)
    frames = []
    for t in range(TIMESTEPS):
        frame, *state = step(tf.constant(x[:, t : t + 1]), initial_state=state)
        frames.append(frame)
    received = [np.concatenate(frames, axis=1), *state]
    assert_close(received, [outputs, *last_states], atol=1e-6)


def test_two_parts_with_the_state_handed_on_are_the_whole_sequence(
    make_layer, x, holes
):
    layer = make_layer(return_sequences=False, return_state=True)
    parts = slice(None, 2), slice(2, None)
    state = None
    for part in parts:
        _, *state = layer(x[:, part], initial_state=state, mask=holes[:, part])
    _, *expected = layer(x, mask=holes)
    assert_close(state, expected, atol=1e-6)


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "tf.function"])
def test_a_stateful_layer_continues_until_its_state_is_reset(make_layer, x, graph):
    stateful = make_layer(return_sequences=True, stateful=True)
    layer = make_layer(return_sequences=True)
    layer.set_weights(stateful.get_weights())
    expected = np.array(layer(x))
    call = tf.function(stateful, autograph=False) if graph else stateful
    for _ in range(2):
        np.testing.assert_allclose(call(x[:, :2]), expected[:, :2], atol=1e-6)
        np.testing.assert_allclose(call(x[:, 2:]), expected[:, 2:], atol=1e-6)
        stateful.reset_state()


def test_the_state_of_a_stateful_layer_is_no_weight(make_layer):
    stateful, layer = make_layer(stateful=True), make_layer()
    assert [w.name for w in stateful.weights] == [w.name for w in layer.weights]


def test_an_initial_state_goes_before_that_of_a_stateful_layer(make_layer, x, state):
    stateful = make_layer(stateful=True)
    first = stateful(x, initial_state=state)
    np.testing.assert_allclose(
        stateful(x, initial_state=state), np.array(first), atol=1e-6
    )


def test_a_stateful_layer_needs_a_known_batch():
    layer = LSTM(UNITS, stateful=True)
    with pytest.raises(ValueError, match="batch size must be static"):
        layer(keras.Input((TIMESTEPS, FEATURES)))


def test_a_stateful_layer_refuses_another_batch_size(make_layer, x):
    layer = make_layer(stateful=True)
    with pytest.raises(ValueError, match="Expected batch size: 3"):
        layer(x[:2])


@pytest.mark.parametrize("rank", [2, 4])
def test_the_input_must_be_a_batch_of_sequences(draw, rank):
    with pytest.raises(ValueError, match=f"expected ndim=3, found ndim={rank}"):
        LSTM(UNITS)(draw(*[3] * rank))


def test_a_model_of_unknown_batch_and_time_equals_the_eager_layer(make_layer, draw):
    layer = make_layer(return_sequences=True)
    inputs = keras.Input((None, FEATURES))
    model = keras.Model(inputs, layer(inputs))
    for batch, timesteps in [(4, 6), (1, 1), (3, 9)]:
        sequences = draw(batch, timesteps, FEATURES)
        expected = np.array(layer(sequences))
        np.testing.assert_allclose(model(sequences), expected, atol=1e-6)
        predicted = model.predict(sequences, verbose=0)
        np.testing.assert_allclose(predicted, expected, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
def test_a_compiled_function_equals_the_eager_layer(
    make_layer, x, state, holes, jit_compile
):
    layer = make_layer(return_sequences=True, return_state=True)

    @tf.function(autograph=False, jit_compile=jit_compile)
    def compiled(x, state):
        return layer(x, initial_state=state, mask=holes)

    received = compiled(tf.constant(x), [tf.constant(s) for s in state])
    assert_close(received, layer(x, initial_state=state, mask=holes))


def test_one_trace_serves_every_batch_and_length(make_layer, draw):
    layer = make_layer(return_sequences=True)
    signature = [tf.TensorSpec((None, None, FEATURES), tf.float32)]
    compiled = tf.function(layer.__call__, autograph=False, input_signature=signature)
    for batch, timesteps in [(4, 6), (2, 9)]:
        sequences = draw(batch, timesteps, FEATURES)
        np.testing.assert_allclose(
            compiled(sequences), np.array(layer(sequences)), atol=1e-6
        )
    assert compiled.experimental_get_tracing_count() == 1


def test_mixed_precision_keeps_float32_weights_and_gives_bfloat16_outputs(
    make_layer, x, holes
):
    exact = make_layer(return_sequences=True, return_state=True)
    mixed = make_layer(return_sequences=True, return_state=True, dtype="mixed_bfloat16")
    mixed.set_weights(exact.get_weights())
    received = mixed(x, mask=holes)
    assert {w.dtype for w in mixed.weights} == {"float32"}
    assert {r.dtype for r in received} == {tf.bfloat16}
    received = [tf.cast(r, tf.float32) for r in received]
    assert_close(received, exact(x, mask=holes), atol=0.05)
