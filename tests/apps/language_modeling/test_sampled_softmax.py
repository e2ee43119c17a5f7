"""A sample that stands for the vocabulary: how it is drawn, what loss it gives."""

import numpy as np
import pytest
import tensorflow as tf

from apps.common.layers.embedding import cross_entropy
from apps.language_modeling.sampled_softmax import draw_tokens, sampled_cross_entropy

SIZE, DIMENSIONS, ROWS = 50, 8, 12


@pytest.fixture
def given():
    rng = np.random.default_rng(4)
    states, vectors = (
        tf.constant(rng.normal(size=(n, DIMENSIONS)), "float32") for n in (ROWS, SIZE)
    )
    bias = tf.constant(rng.normal(size=SIZE), "float32")
    return states, tf.constant(rng.integers(2, SIZE, ROWS), "int32"), vectors, bias


def test_ids_are_drawn_as_often_as_is_said():
    count = 200_000
    ids, log_expected = draw_tokens([1, 2], count, SIZE)
    counts = np.bincount(ids, minlength=SIZE)
    expected = np.exp(log_expected(tf.range(SIZE)))
    assert expected.sum() == pytest.approx(count, rel=1e-4)
    np.testing.assert_allclose(counts, expected, rtol=0.1)


def test_the_draw_is_a_function_of_the_seed():
    one, other, again = (draw_tokens(s, 9, SIZE)[0] for s in ([1, 2], [1, 3], [1, 2]))
    assert (one == again).numpy().all()
    assert not (one == other).numpy().all()


def test_a_large_sample_gives_the_loss_of_the_whole_vocabulary(given):
    states, targets, vectors, bias = given
    whole = cross_entropy(tf.matmul(states, vectors, transpose_b=True) + bias, targets)
    sampled = sampled_cross_entropy(states, targets, vectors, bias, [3, 4], 400_000)
    np.testing.assert_allclose(sampled, whole, atol=0.05)


def test_the_gradient_points_where_that_of_the_whole_vocabulary_does(given):
    states, targets, vectors, bias = given

    def gradient(loss):
        with tf.GradientTape() as tape:
            tape.watch(states)
            value = tf.reduce_sum(loss())
        return tf.reshape(tape.gradient(value, states), [-1]).numpy()

    whole = gradient(
        lambda: cross_entropy(
            tf.matmul(states, vectors, transpose_b=True) + bias, targets
        )
    )
    samples = [
        gradient(
            lambda n=n: sampled_cross_entropy(
                states, targets, vectors, bias, [n, 0], 200
            )
        )
        for n in range(20)
    ]
    mean = np.mean(samples, axis=0)
    assert mean @ whole / np.linalg.norm(mean) / np.linalg.norm(whole) > 0.98


def test_a_target_that_is_drawn_does_not_stand_against_itself(given):
    states, _, vectors, bias = given
    targets = tf.zeros(ROWS, "int32")  # the id that is drawn most
    loss = sampled_cross_entropy(states, targets, vectors, 0 * bias, [1, 1], 2000)
    others = cross_entropy(tf.matmul(states, vectors, transpose_b=True), targets)
    np.testing.assert_allclose(loss, others, atol=0.3)
