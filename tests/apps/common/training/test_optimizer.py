"""The optimizer: learning rate, weight decay, gradient clipping, weight averaging."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from apps.common.training.optimizer import clipped_optimizer, optimizer

PLAIN = {
    "epochs": 3,
    "learning_rate": 0.1,
    "weight_decay": 0.0,
    "average_momentum": 0.0,
    "clip_norm": 1.0,
}
STEPS, WARMUP = 8, 4
GRADIENTS = np.array([[3.0, 4.0], [0.03, 0.04], [-6.0, 8.0]], "float32")


def updated(make, gradients=GRADIENTS, **settings):
    """Returns a weight after each step from (1, -2), and the weight `fit` evaluates.

    The first step has the highest learning rate.
    """
    weight = keras.Variable(np.array([1.0, -2.0], "float32"))
    adamw = make(SimpleNamespace(**{**PLAIN, **settings}), STEPS)
    adamw.build([weight])
    adamw.iterations.assign(WARMUP)
    values = []
    for gradient in gradients:
        adamw.apply([keras.ops.convert_to_tensor(gradient)], [weight])
        values.append(weight.numpy())
    if adamw.use_ema:
        adamw.finalize_variable_values([weight])
    return np.array(values), weight.numpy()


def rates(make, steps_per_epoch, steps):
    adamw, values = make(SimpleNamespace(**PLAIN), steps_per_epoch), []
    for step in steps:
        adamw.iterations.assign(step)
        values.append(float(adamw.learning_rate))
    return values


@pytest.mark.parametrize(
    ("make", "steps_per_epoch", "warmup"),
    [
        (optimizer, 8, 4),
        (optimizer, 1000, 500),
        (optimizer, 1, 1),
        (clipped_optimizer, 8, 4),
        (clipped_optimizer, 1000, 200),
    ],
)
def test_the_rate_rises_from_zero_and_falls_to_zero_along_a_cosine(
    make, steps_per_epoch, warmup
):
    end = PLAIN["epochs"] * steps_per_epoch
    steps = [0, warmup / 2, warmup, (warmup + end) / 2, end, end + 5]
    expected = [0, 0.05, 0.1, 0.05, 0, 0]
    if steps_per_epoch == 1:  # half a step is none
        steps, expected = steps[::2], expected[::2]
    actual = rates(make, steps_per_epoch, steps)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


@pytest.mark.parametrize("make", [optimizer, clipped_optimizer])
def test_weights_decay_by_their_share_of_the_learning_rate(make):
    values, _ = updated(make, np.zeros((1, 2), "float32"), weight_decay=0.5)
    np.testing.assert_allclose(values[0], [0.95, -1.9], rtol=1e-6)


def test_gradients_are_cut_to_the_norm_that_is_asked_for():
    clipped, _ = updated(clipped_optimizer, clip_norm=2.0)
    lengths = np.linalg.norm(GRADIENTS, axis=1, keepdims=True)
    expected, _ = updated(optimizer, GRADIENTS * np.minimum(1, 2 / lengths))
    unclipped, _ = updated(optimizer)
    np.testing.assert_allclose(clipped, expected, rtol=1e-5)
    assert np.abs(clipped - unclipped).max() > 0.01


@pytest.mark.parametrize("make", [optimizer, clipped_optimizer])
def test_the_optimizer_keeps_a_moving_average_of_the_weights(make):
    values, average = updated(make, average_momentum=0.75)
    expected = 0.0  # the average before the first step
    for value in values:
        expected = 0.75 * expected + 0.25 * value
    np.testing.assert_allclose(average, expected, rtol=1e-5)
    values, last = updated(make, average_momentum=0.0)
    np.testing.assert_array_equal(last, values[-1])
