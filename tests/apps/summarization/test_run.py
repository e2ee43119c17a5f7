"""A finished run: what it learnt, what was measured, what is served."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from apps.common.data.batches import PaddedBatches
from apps.common.finished import read_history
from apps.summarization.predict import Predictor
from apps.summarization.train import train


@pytest.fixture(scope="module")
def predictor(finished_summarization_run):
    return Predictor.load(finished_summarization_run)


def test_it_copies_a_name_that_it_never_met(predictor):
    document = "In the old town lived zebra77, who was a king."
    (answer,) = predictor.predict([document])
    assert answer["summary"] == "king zebra77"
    assert -5 < answer["score"] < 0


def test_what_was_measured(finished_summarization_run):
    metrics = json.loads((finished_summarization_run / "metrics.json").read_text())
    assert metrics["rouge_1"] > 0.8
    assert set(metrics["baselines"]) == {"lead_1", "lead_3", "is_a"}
    assert metrics["baselines"]["lead_1"]["rouge_1"] < metrics["rouge_1"]
    assert metrics["baselines"]["is_a"]["rouge_1"] == pytest.approx(2 / 3)
    assert metrics["novel_fraction"]["references"]["2"] == 1.0
    assert 0.3 < metrics["copied_fraction"] <= 1
    assert metrics["mean_length"]["references"] == 2.0
    for name in ("learning", "lengths", "attention"):
        path = finished_summarization_run / f"{name}.png"
        assert path.stat().st_size > 2000
    samples = (finished_summarization_run / "samples.txt").read_text()
    assert samples.count("reference: ") == 20


def test_perplexity_is_the_history(summarization_run):
    for row in read_history(summarization_run):
        assert row["val_perplexity"] == pytest.approx(np.exp(row["val_loss"]), rel=1e-3)


def test_odd_documents_have_a_summary(predictor):
    documents = [
        "word",
        "zork",
        "\u00e9\u00e8 \U0001f600 \x00",
        "It rained. " * 30,
        "one two three " * 33_000,
    ]
    for answer in predictor.predict(documents):
        assert np.isfinite(answer["score"]), answer["document"][:20]
        assert 1 <= len(answer["summary"].split()) <= 5, answer["document"][:20]


def test_an_empty_document_has_an_empty_summary(predictor):
    for answer in predictor.predict(["", " \n\t"]):
        assert (answer["summary"], answer["score"]) == ("", 0.0)


@pytest.mark.parametrize(
    "options",
    [{"beam": 50}, {"max_length": 0, "min_length": 0}],
    ids=str,
)
def test_a_search_may_be_narrow_wide_or_short(predictor, options):
    config = predictor.config
    config = replace(config, decode=replace(config.decode, **options))
    other = Predictor(predictor.directory, config)
    other.model = predictor.model
    shown = other.attention(tf.constant(["In the old town lived bo1, who was a poet."]))
    expected = b"" if "max_length" in options else b"poet bo1"
    assert shown["summary"][0] == expected


def test_the_export_shows_what_it_looked_at(predictor, finished_summarization_run):
    version = finished_summarization_run / "export" / "summarization" / "1"
    loaded = tf.saved_model.load(str(version))
    documents = ["In the old town lived zed8, who was a king.", "king"]
    outputs = loaded.signatures["attention"](document=tf.constant(documents))
    own = predictor.attention(tf.constant(documents))
    for name, value in own.items():
        if value.dtype == tf.string:
            np.testing.assert_array_equal(outputs[name], value)
        else:
            np.testing.assert_allclose(outputs[name], value, atol=1e-4)
    tokens = [t.decode() for t in outputs["document_tokens"][0].numpy()]
    words = [t.decode() for t in outputs["summary_tokens"][0].numpy()]
    weights = outputs["attention"][0].numpy()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-4)
    assert tokens[weights[words.index("zed8")].argmax()] == "zed8"


@pytest.mark.slow
def test_a_killed_run_ends_at_the_same_weights(
    summarization_config, summarization_run, tmp_path, monkeypatch
):
    def cut(self, *arguments, own=PaddedBatches.shuffled):
        def kill():
            raise RuntimeError("killed")

        batches = own(self, *arguments).take(int(2.5 * self.steps))
        signature = tf.data.DatasetSpec.from_value(batches).element_spec
        return batches.concatenate(
            tf.data.Dataset.from_generator(kill, output_signature=signature)
        )

    with monkeypatch.context() as patch:
        patch.setattr(PaddedBatches, "shuffled", cut)
        with pytest.raises(Exception, match="killed"):
            train(summarization_config, tmp_path / "run")
    assert len(read_history(tmp_path / "run")) == 2
    train(summarization_config, tmp_path / "run")
    ours, theirs = (
        Predictor.load(path).model.get_weights()
        for path in (tmp_path / "run", summarization_run)
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.usefixtures("packages")
def test_it_starts_from_pretrained_vectors(summarization_config, tmp_path):
    config = replace(
        summarization_config,
        data=replace(summarization_config.data, vectors="glove_6b_50d"),
        train=replace(summarization_config.train, epochs=1),
    )
    with pytest.raises(ValueError, match=r"model\.embedding_dim: .* Received: 12"):
        train(config, tmp_path / "run")
    config = replace(config, model=replace(config.model, embedding_dim=50))
    train(config, tmp_path / "run")
    assert (tmp_path / "run" / "model.keras").exists()
