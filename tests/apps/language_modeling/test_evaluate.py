"""Perplexity from totals, by hand; dynamic evaluation, the cache, and the 5-gram."""

import json

import numpy as np
import pytest
import tensorflow as tf

from apps.language_modeling.adaptive import _Dynamic, cached_probabilities
from apps.language_modeling.data import load_data
from apps.language_modeling.evaluate import (
    load_run,
    log_probabilities,
    measure,
    predict,
    scoring,
    start_id,
)
from experiments.kneser_ney import KneserNey


@pytest.fixture(scope="module")
def run(finished_language_run):
    config, model, vocabulary = load_run(finished_language_run)
    data = load_data(config.data, vocabulary=vocabulary)
    return config, model, vocabulary, data


def by_hand(model, ids, start):
    """Returns log-probabilities from one call on the whole text."""
    before = np.concatenate([[start], ids[:-1]])[np.newaxis].astype("int32")
    state = [tf.zeros((1, s.shape[1])) for s in model.inputs[1:]]
    logits, *_ = model([tf.constant(before), *state])
    log_p = tf.nn.log_softmax(logits[0]).numpy()
    return log_p[np.arange(len(ids)), ids]


def test_the_state_is_carried_through_the_whole_split(run):
    _, model, vocabulary, data = run
    start = start_id(vocabulary, "words")
    assert len(data.test) > 300  # more than a window
    found = log_probabilities(model, data.test, start)
    np.testing.assert_allclose(found, by_hand(model, data.test, start), atol=1e-4)


def test_the_perplexity_is_that_of_all_tokens(run, finished_language_run):
    _, model, vocabulary, data = run
    log_p = by_hand(model, data.test, start_id(vocabulary, "words"))
    metrics = json.loads((finished_language_run / "metrics.json").read_text())
    assert metrics["perplexity"] == pytest.approx(np.exp(-log_p.mean()), rel=1e-4)
    assert metrics["examples"] == len(data.test)
    for kind in ("frequency", "position"):
        rows = metrics[f"by_{kind}"]
        assert sum(row["tokens"] for row in rows) == len(data.test)
        logs = sum(row["tokens"] * np.log(row["perplexity"]) for row in rows)
        assert logs == pytest.approx(-log_p.sum(), rel=1e-4)
        assert (finished_language_run / f"{kind}.png").exists()


def test_bins_count_frequency_and_position_from_one():
    ids = np.array([1, 2, 3, 12, 2, 13])  # 1 is unknown, 2 ends a text
    log_p = np.log([0.5, 0.25, 0.125, 0.5, 0.25, 0.5])
    found = measure(log_p, ids, start=2, kind="words")
    shown = {row["bin"]: row["tokens"] for row in found["by_frequency"]}
    assert shown == {"unknown": 1, "rank 1-10": 3, "rank 11-100": 2}
    unknown = found["by_frequency"][0]
    assert unknown["perplexity"] == pytest.approx(2.0)
    shown = {row["bin"]: row["tokens"] for row in found["by_position"]}
    assert shown == {"1": 3, "2": 2, "3-4": 1}


def test_characters_are_measured_in_nats_and_bits():
    found = measure(np.log([0.25, 0.25]), np.array([2, 3]), 2, "characters")
    assert found["perplexity"] is None
    assert found["nats_per_character"] == pytest.approx(np.log(4))
    assert found["bits_per_character"] == pytest.approx(2.0)


def test_a_text_is_scored_with_its_end_and_alone_as_in_a_batch(run):
    _, model, vocabulary, _ = run
    score = scoring(model, vocabulary, "words")
    texts = ["the film", "", "zzz was very warm ."]
    found = score(tf.constant(texts))
    assert found["tokens"].numpy().tolist() == [3, 1, 6]
    start = start_id(vocabulary, "words")
    for n, text in enumerate(texts):
        ids = [
            vocabulary.tokens.index(w) if w in vocabulary.tokens else 1
            for w in text.split()
        ]
        expected = by_hand(model, np.array([*ids, start]), start)
        row = found["token_log_probabilities"][n].numpy()
        np.testing.assert_allclose(row[: len(expected)], expected, atol=1e-5)
        assert not row[len(expected) :].any()
        assert float(found["log_probability"][n]) == pytest.approx(
            expected.sum(), abs=1e-4
        )
        mean = np.exp(-expected.mean())
        assert float(found["perplexity"][n]) == pytest.approx(mean, rel=1e-4)


def test_predict_gives_the_texts_back(finished_language_run):
    answers = predict(finished_language_run, ["the film", ""])
    assert [answer["text"] for answer in answers] == ["the film", ""]
    assert len(answers[0]["token_log_probabilities"]) == 3


def test_adapting_with_no_step_changes_nothing(run):
    config, model, vocabulary, data = run
    start = start_id(vocabulary, "words")
    adapt = _Dynamic(model, data.train, config.train.batch_size, config.train.window)
    before = [w.numpy() for w in model.trainable_variables]
    expected = -by_hand(model, data.test, start).mean()
    assert adapt.loss(data.test, start, 0.0, 0.0) == pytest.approx(expected, rel=1e-4)
    assert adapt.loss(data.test, start, 0.001, 0.01) != pytest.approx(
        expected, rel=1e-3
    )
    for weight, value in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_adapting_learns_what_a_text_repeats(run):
    config, model, vocabulary, data = run
    start = start_id(vocabulary, "words")
    adapt = _Dynamic(model, data.train, config.train.batch_size, config.train.window)
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
    found = cached_probabilities(states, ids, flatness, size=size, block=4)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.fixture
def draw_states():
    rng = np.random.default_rng(4)
    return rng.normal(size=(30, 3)), rng.integers(2, 6, 30)


def test_what_adapts_is_reported_beside_the_static_figure(finished_language_run):
    metrics = json.loads((finished_language_run / "metrics.json").read_text())
    for name, settings in (("dynamic", "learning_rate"), ("cache", "share")):
        assert metrics[f"{name}_perplexity"] > 1
        assert settings in metrics[name]


def test_the_5_gram_is_a_distribution():
    rng = np.random.default_rng(5)
    ids = rng.integers(1, 6, 300)
    model = KneserNey(ids, 3, 6)
    for context in [(), (1,), (2, 3), (5, 5), (6, 6), (1, 6)]:
        total = sum(model.probability(context, token) for token in range(1, 7))
        assert total == pytest.approx(1.0)


def test_the_5_gram_counts_contexts_not_occurrences():
    # 9 always follows 8; 7 follows four different tokens, as often as 9 in all.
    ids = [8, 9, 1, 7, 8, 9, 2, 7, 8, 9, 3, 7, 8, 9, 4, 7]
    model = KneserNey(ids, 2, 9)
    assert model.probability((8,), 9) > 0.7
    assert model.probability((5,), 7) > 2 * model.probability((5,), 9)


def test_the_5_gram_knows_a_text_that_it_has_read():
    ids = np.tile([1, 2, 3, 4, 5, 6, 7], 40)
    model = KneserNey(ids, 5, 7)
    assert model.perplexity(ids[:70], start=7) < 1.2
