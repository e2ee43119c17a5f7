"""A whole text with the state carried; dynamic evaluation and the cache."""

import json

import numpy as np
import pytest
import tensorflow as tf

from apps.language_modeling.adaptive import (
    DynamicEvaluation,
    cached_probabilities,
    log_probabilities,
)
from apps.language_modeling.text import start_id


@pytest.fixture(scope="module")
def adapt(run):
    config, model, _, data = run
    return DynamicEvaluation(
        model, data.train, config.train.batch_size, config.train.window
    )


def test_the_state_is_carried_through_the_whole_split(run, by_hand):
    _, model, vocabulary, data = run
    start = start_id(vocabulary, "words")
    assert len(data.test) > 300  # more than a window
    carried = log_probabilities(model, data.test, start)
    np.testing.assert_allclose(carried, by_hand(model, data.test, start), atol=1e-4)
    again, states = log_probabilities(model, data.test, start, with_states=True)
    np.testing.assert_array_equal(again, carried)
    embedding = model.get_layer("embedding")
    logits = embedding(tf.constant(states)[tf.newaxis], reverse=True)
    log_p = tf.nn.log_softmax(logits[0]).numpy()[np.arange(len(carried)), data.test]
    np.testing.assert_allclose(log_p, carried, atol=1e-4)


def test_adapting_with_no_step_changes_nothing(run, adapt, by_hand):
    _, model, vocabulary, data = run
    start = start_id(vocabulary, "words")
    before = [w.numpy() for w in model.trainable_variables]
    expected = -by_hand(model, data.test, start).mean()
    assert adapt.loss(data.test, start, 0.0, 0.0) == pytest.approx(expected, rel=1e-4)
    assert adapt.loss(data.test, start, 0.001, 0.01) != pytest.approx(
        expected, rel=1e-3
    )
    for weight, value in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_adapting_learns_what_a_text_repeats(run, adapt):
    _, _, vocabulary, _ = run
    start = start_id(vocabulary, "words")
    rng = np.random.default_rng(2)
    repeated = np.tile(rng.integers(3, len(vocabulary), 5), 60).astype("int32")
    static = adapt.loss(repeated, start, 0.0, 0.0)
    assert adapt.loss(repeated, start, 0.003, 0.0) < static - 0.1


def test_the_cache_is_what_a_loop_computes(draw_states):
    states, ids = draw_states
    size, flatness = 7, 0.3
    expected = np.zeros(len(ids))
    for t in range(1, len(ids)):
        past = range(max(0, t - size), t)
        weights = [np.exp(flatness * states[t] @ states[i]) for i in past]
        same = [ids[i] == ids[t] for i in past]
        expected[t] = np.dot(weights, same) / np.sum(weights)
    probabilities = cached_probabilities(states, ids, flatness, size=size, block=4)
    np.testing.assert_allclose(probabilities, expected, atol=1e-12)


@pytest.fixture
def draw_states():
    rng = np.random.default_rng(4)
    return rng.normal(size=(30, 3)), rng.integers(2, 6, 30)


def test_what_adapts_is_reported_beside_the_static_figure(finished_language_run):
    metrics = json.loads((finished_language_run / "metrics.json").read_text())
    for name, settings in (("dynamic", "learning_rate"), ("cache", "share")):
        assert metrics[f"{name}_perplexity"] > 1
        assert settings in metrics[name]
