"""Pooling over time with masks, compared with NumPy."""

import numpy as np
import pytest

from apps.common.layers.pooling import MaskedPooling


@pytest.fixture
def sequences():
    """Values and a random mask; the first row is not masked."""
    generator = np.random.default_rng(9)
    mask = generator.random((4, 5)) < 0.6
    mask[0], mask[:, 2] = True, True
    return generator.normal(size=(4, 5, 3)).astype("float32"), mask


POOLINGS = ["mean", "max", "attention"]


def by_numpy(pooling, x, mask, weights):
    rows = []
    for row, real in zip(x.astype("float64"), mask, strict=True):
        row = row[real]  # (timesteps, features)
        if pooling == "max":
            rows.append(row.max(axis=0))
        elif pooling == "mean":
            rows.append(row.mean(axis=0))
        else:
            kernel, query = weights
            scores = np.exp(np.tanh(row @ kernel) @ query)  # (timesteps, 1)
            rows.append((scores / scores.sum() * row).sum(axis=0))
    return np.array(rows)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("masked", [True, False])
def test_pooling_is_what_numpy_makes_of_the_real_timesteps(pooling, masked, sequences):
    x, mask = sequences
    layer = MaskedPooling(pooling)
    layer.build(x.shape)
    generator = np.random.default_rng(2)
    layer.set_weights([generator.normal(size=w.shape) for w in layer.weights])
    pooled = layer(x, mask=mask if masked else None)
    mask = mask if masked else np.ones_like(mask)
    expected = by_numpy(pooling, x, mask, layer.get_weights())
    np.testing.assert_allclose(pooled, expected, rtol=1e-5, atol=1e-6)
    assert pooled.shape == layer.compute_output_shape(x.shape)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_what_masked_timesteps_hold_changes_nothing(pooling, sequences):
    x, mask = sequences
    layer = MaskedPooling(pooling)
    before = layer(x, mask=mask)
    after = layer(np.where(mask[..., None], x, 1e6).astype("float32"), mask=mask)
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_gives_finite_values_for_a_row_masked_whole(pooling, sequences):
    x, mask = sequences
    mask[1] = False
    assert np.isfinite(MaskedPooling(pooling)(x, mask=mask)).all()
