"""The cross-entropy with a gradient written by hand is that of logits."""

import numpy as np
import pytest
import tensorflow as tf

from apps.common.layers.tied_softmax import tied_cross_entropy

ROWS, SIZE, DIMENSIONS = 9, 13, 5


@pytest.fixture
def given():
    rng = np.random.default_rng(3)
    shapes = (ROWS, DIMENSIONS), (SIZE, DIMENSIONS), (SIZE,)
    weights = [tf.constant(rng.normal(size=shape), "float32") for shape in shapes]
    targets = tf.constant(rng.integers(0, SIZE - 4, ROWS), "int32")  # some twice
    return weights, targets, tf.constant(rng.random(ROWS), "float32")


def of_logits(states, targets, vectors, bias, dtype="float64"):
    states, vectors, bias = (tf.cast(x, dtype) for x in (states, vectors, bias))
    logits = tf.matmul(states, vectors, transpose_b=True) + bias
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


def both(function, given, **options):
    """Returns losses, and the gradients of their weighted sum."""
    (states, vectors, bias), targets, share = given
    with tf.GradientTape() as tape:
        tape.watch([states, vectors, bias])
        losses = function(states, targets, vectors, bias, **options)
        total = tf.reduce_sum(tf.cast(losses, "float32") * share)
    return [losses, *tape.gradient(total, [states, vectors, bias])]


def distance(one, other):
    one, other = (np.array(x, "float64") for x in (one, other))
    return np.linalg.norm(one - other) / np.linalg.norm(other)


def test_losses_and_gradients_are_those_of_logits(given):
    for one, other in zip(
        both(tied_cross_entropy, given), both(of_logits, given), strict=True
    ):
        assert distance(one, other) < 1e-5


def test_bfloat16_rounds_losses_and_gradients_by_less_than_a_percent(given):
    rounded = both(tied_cross_entropy, given, dtype="bfloat16")
    for one, other in zip(rounded, both(of_logits, given), strict=True):
        assert one.dtype == "float32"
        assert 1e-5 < distance(one, other) < 1e-2


def test_bfloat16_adds_the_bias_before_it_rounds():
    bias = tf.constant([64.0, 64.1875])  # equal in bfloat16
    states, vectors = tf.ones((2, 1)), tf.fill((2, 1), -60.0)
    targets = tf.constant([0, 1], "int32")
    losses = tied_cross_entropy(states, targets, vectors, bias, "bfloat16")
    assert float(losses[0] - losses[1]) == pytest.approx(0.1875, abs=0.01)


def test_a_target_without_probability_has_a_finite_loss_and_gradient(given):
    (states, vectors, bias), targets, share = given
    bias = tf.tensor_scatter_nd_update(bias, [[SIZE - 1]], [500.0])
    losses, *gradients = both(
        tied_cross_entropy, ((states, vectors, bias), targets, share)
    )
    np.testing.assert_allclose(losses, 126 * np.log(2), rtol=1e-6)
    assert (
        distance(
            gradients[0], share[:, None] * (vectors[-1] - tf.gather(vectors, targets))
        )
        < 1e-5
    )


def test_a_loss_of_nan_stays_one(given):
    (states, vectors, bias), targets, share = given
    states = tf.tensor_scatter_nd_update(states, [[2, 1]], [np.nan])
    losses, *_ = both(tied_cross_entropy, ((states, vectors, bias), targets, share))
    np.testing.assert_array_equal(np.isnan(losses), np.arange(ROWS) == 2)
