"""Perplexity from totals, by hand; texts scored as a served model scores them."""

import json

import numpy as np
import pytest
import tensorflow as tf

from apps.language_modeling.evaluate import measure
from apps.language_modeling.predict import Predictor
from apps.language_modeling.text import start_id


def test_the_perplexity_is_that_of_all_tokens(run, by_hand, finished_language_run):
    _, model, vocabulary, data = run
    log_p = by_hand(model, data.test, start_id(vocabulary, "words"))
    metrics = json.loads((finished_language_run / "metrics.json").read_text())
    assert metrics["perplexity"] == pytest.approx(np.exp(-log_p.mean()), rel=1e-4)
    assert metrics["examples"] == len(data.test)
    for tokenization in ("frequency", "position"):
        rows = metrics[f"by_{tokenization}"]
        assert sum(row["tokens"] for row in rows) == len(data.test)
        logs = sum(row["tokens"] * np.log(row["perplexity"]) for row in rows)
        assert logs == pytest.approx(-log_p.sum(), rel=1e-4)
        assert (finished_language_run / f"{tokenization}.png").exists()


def test_bins_count_frequency_and_position_from_one():
    ids = np.array([1, 2, 3, 12, 2, 13])  # 1 is unknown, 2 ends a text
    log_p = np.log([0.5, 0.25, 0.125, 0.5, 0.25, 0.5])
    metrics = measure(log_p, ids, start=2, tokenization="words")
    shown = {row["bin"]: row["tokens"] for row in metrics["by_frequency"]}
    assert shown == {"unknown": 1, "rank 1-10": 3, "rank 11-100": 2}
    unknown = metrics["by_frequency"][0]
    assert unknown["perplexity"] == pytest.approx(2.0)
    shown = {row["bin"]: row["tokens"] for row in metrics["by_position"]}
    assert shown == {"1": 3, "2": 2, "3-4": 1}


def test_characters_are_measured_in_nats_and_bits():
    metrics = measure(np.log([0.25, 0.25]), np.array([2, 3]), 2, "characters")
    assert metrics["perplexity"] is None
    assert metrics["nats_per_character"] == pytest.approx(np.log(4))
    assert metrics["bits_per_character"] == pytest.approx(2.0)


def test_a_text_is_scored_with_its_end_and_alone_as_in_a_batch(
    run, by_hand, finished_language_run
):
    config, model, vocabulary, _ = run
    predictor = Predictor(finished_language_run, config)
    predictor.model, predictor.vocabulary = model, vocabulary
    texts = ["the film", "", "zzz was very warm ."]
    outputs = predictor.answer(tf.constant(texts))
    assert outputs["tokens"].numpy().tolist() == [3, 1, 6]
    start = start_id(vocabulary, "words")
    for n, text in enumerate(texts):
        ids = [
            vocabulary.tokens.index(w) if w in vocabulary.tokens else 1
            for w in text.split()
        ]
        expected = by_hand(model, np.array([*ids, start]), start)
        row = outputs["token_log_probabilities"][n].numpy()
        np.testing.assert_allclose(row[: len(expected)], expected, atol=1e-5)
        assert not row[len(expected) :].any()
        assert float(outputs["log_probability"][n]) == pytest.approx(
            expected.sum(), abs=1e-4
        )
        mean = np.exp(-expected.mean())
        assert float(outputs["perplexity"][n]) == pytest.approx(mean, rel=1e-4)


def test_predict_gives_the_texts_back(finished_language_run):
    answers = Predictor.load(finished_language_run).predict(["the film", ""])
    assert [answer["text"] for answer in answers] == ["the film", ""]
    assert len(answers[0]["token_log_probabilities"]) == 3
