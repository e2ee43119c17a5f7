"""Tests masks and batches: a row depends on no padding and on no other row."""

import keras
import numpy as np
import pytest

from lstm_layer import LSTM

BATCH, TIMESTEPS, FEATURES, UNITS = 3, 4, 2, 5
LENGTHS = [4, 1, 3]


@pytest.fixture
def layer(make_layer):
    return make_layer(return_sequences=True, return_state=True)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("amount", [1, 5])
def test_the_amount_of_padding_changes_no_row(layer, x, draw, side, amount):
    """The values in the padding change no row either."""
    outputs, *state = layer(x)
    parts = [
        (x, np.ones((BATCH, TIMESTEPS), bool)),
        (100 * draw(BATCH, amount, FEATURES), np.zeros((BATCH, amount), bool)),
    ]
    parts = parts if side == "right" else parts[::-1]
    longer_x, mask = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    padded, *padded_state = layer(longer_x, mask=mask)
    kept = padded[:, :TIMESTEPS] if side == "right" else padded[:, amount:]
    np.testing.assert_allclose(kept, outputs, atol=1e-6)
    np.testing.assert_allclose(padded_state, state, atol=1e-6)


def test_a_row_alone_is_the_row_in_a_batch(layer, x, holes):
    outputs, h, c = layer(x, mask=holes)
    for row in range(BATCH):
        here = slice(row, row + 1)
        alone = layer(x[here], mask=holes[here])
        for one, other in zip(alone, [outputs, h, c], strict=True):
            np.testing.assert_allclose(one, other[here], atol=1e-6)


def test_the_neighbours_in_a_batch_change_no_row(layer, x, draw, holes):
    outputs, h, c = layer(x, mask=holes)
    other_x = np.concatenate([x[:1], 10 * draw(BATCH, TIMESTEPS, FEATURES)])
    other_mask = np.concatenate([holes[:1], ~holes])
    received = layer(other_x, mask=other_mask)
    for one, other in zip(received, [outputs, h, c], strict=True):
        np.testing.assert_allclose(one[:1], other[:1], atol=1e-6)


def test_a_padded_batch_ends_where_each_row_ends_alone(layer, x):
    mask = np.arange(TIMESTEPS) < np.array(LENGTHS)[:, None]
    _, h, c = layer(x, mask=mask)
    for row, length in enumerate(LENGTHS):
        _, h_alone, c_alone = layer(x[row : row + 1, :length])
        np.testing.assert_allclose(h[row], h_alone[0], atol=1e-6)
        np.testing.assert_allclose(c[row], c_alone[0], atol=1e-6)


@pytest.mark.parametrize("timesteps", [1, TIMESTEPS])
def test_masked_timesteps_leave_the_state_to_the_last_bit(layer, x, state, timesteps):
    mask = np.zeros((BATCH, timesteps), bool)
    outputs, *last_states = layer(x[:, :timesteps], initial_state=state, mask=mask)
    np.testing.assert_array_equal(last_states, state)
    assert not np.any(outputs)


def test_a_masked_timestep_repeats_the_output_before_it(layer, x, mask):
    outputs = np.array(layer(x, mask=mask)[0])
    if mask is not None:
        outputs_before = np.insert(outputs, 0, 0.0, axis=1)[:, :-1]
        np.testing.assert_array_equal(outputs[~mask], outputs_before[~mask])


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_a_mask_of_ones_and_zeros_is_a_mask(layer, x, holes, dtype):
    expected = np.array(layer(x, mask=holes)[0])
    np.testing.assert_array_equal(layer(x, mask=holes.astype(dtype))[0], expected)


@pytest.mark.parametrize("lstm", [LSTM, keras.layers.LSTM], ids=["ours", "Keras's"])
def test_the_mask_of_an_embedding_is_passed_through_a_stack(lstm, randomize):
    """The next layer uses the mask: no number depends on the padding."""
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(11, FEATURES, mask_zero=True),
            lstm(UNITS, return_sequences=True),
            lstm(UNITS),
        ]
    )
    randomize(model)
    short = model(np.array([[3, 5, 2]]))
    padded = model(np.array([[3, 5, 2, 0, 0, 0]]))
    np.testing.assert_allclose(padded, short, atol=1e-6)


@pytest.mark.parametrize("lstm", [LSTM, keras.layers.LSTM], ids=["ours", "Keras's"])
def test_beside_an_initial_state_the_mask_must_be_given(lstm, state):
    """Keras passes on the mask of an embedding only if the layer gets one tensor."""
    embedded = keras.layers.Embedding(11, FEATURES, mask_zero=True)(
        np.array([[3, 5, 2, 0, 0, 0]] * BATCH)
    )
    layer = lstm(UNITS)
    without_mask = np.array(layer(embedded, initial_state=state))
    with_mask = layer(embedded, initial_state=state, mask=embedded._keras_mask)
    expected = layer(embedded[:, :3], initial_state=state)
    np.testing.assert_allclose(with_mask, expected, atol=1e-6)
    assert not np.allclose(without_mask, expected, atol=1e-3)
