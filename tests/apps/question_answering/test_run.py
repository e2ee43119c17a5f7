"""Finished runs of both readers: what they learnt, what was measured and is served."""

import json

import numpy as np
import pytest
import tensorflow as tf

from apps.common.data.batches import PaddedBatches
from apps.common.data.text import encoded
from apps.common.finished import read_history
from apps.question_answering.predict import Predictor
from apps.question_answering.train import train


@pytest.fixture(scope="module")
def stories(finished_question_run):
    """The reader of stories."""
    return Predictor.load(finished_question_run)


@pytest.fixture(scope="module")
def passages(finished_passage_run):
    """The reader of passages."""
    return Predictor.load(finished_passage_run)


def metrics_of(run):
    return json.loads((run / "metrics.json").read_text())


def test_the_reader_of_stories_learnt_to_look_a_fact_up(finished_question_run):
    metrics = metrics_of(finished_question_run)
    assert metrics["accuracy"] > 0.7
    assert metrics["error"] == pytest.approx(1 - metrics["accuracy"])
    assert metrics["exact_match"] is None
    assert metrics["by_facts"]["1"]["examples"] == 60
    assert sum(row["examples"] for row in metrics["by_distance"].values()) == 60
    for name in ("learning", "tasks", "facts", "distance"):
        assert (finished_question_run / f"{name}.png").stat().st_size > 2000


def test_the_reader_of_passages_learnt_where_a_year_is(finished_passage_run):
    metrics = metrics_of(finished_passage_run)
    assert metrics["by_question_word"]["when"]["f1"] > 0.6
    assert metrics["f1"] >= metrics["exact_match"]
    assert metrics["accuracy"] is None
    for name in ("learning", "question_word", "answer_length"):
        assert (finished_passage_run / f"{name}.png").stat().st_size > 2000


def test_an_answer_is_cut_from_the_text(passages):
    context = "  In the year\u00a01777, \U0001f600 Zoë was built of stone. It is tall."
    (answer,) = passages.predict([f"{context}|||When was it built?"])
    context = context.strip()
    assert answer["answer"] == context[answer["start"] : answer["end"]]
    assert answer["answer"] == "1777"


@pytest.mark.parametrize("reader", ["stories", "passages"])
def test_odd_questions_have_an_answer(reader, request):
    """Nothing, no question, no context, unknown words, 5,000 words."""
    lines = ["|||", "a ||| ", "||| where?", "zz \U0001f600 ||| zz"]
    lines.append("so it was " * 1700 + "|||a")
    answers = request.getfixturevalue(reader).predict(lines)
    for line, row in zip(lines, answers, strict=True):
        assert np.isfinite(row["score"]), line[:20]
        if "start" in row:
            assert row["answer"] == row["context"][row["start"] : row["end"]]


def test_bytes_that_are_no_text_do_no_harm(finished_passage_run):
    version = finished_passage_run / "export" / "question_answering" / "1"
    loaded = tf.saved_model.load(str(version))
    answer = loaded.signatures["serving_default"]
    outputs = answer(context=tf.constant([b"\x80\x80\x80 a"]), question=["what?"])
    assert outputs["answer"][0].numpy().decode() in "\ufffd\ufffd\ufffd a"


def test_a_line_needs_both_parts(stories):
    with pytest.raises(ValueError, match=r'Expected "context \|\|\| question"'):
        stories.predict(["where is mary?"])


def test_the_export_shows_what_an_answer_rests_on(
    finished_question_run, finished_passage_run
):
    context = "Mary went to the garden. John went to the office."
    for run, shape in (
        (finished_question_run, (2, 2)),
        (finished_passage_run, (12, 4)),
    ):
        version = run / "export" / "question_answering" / "1"
        loaded = tf.saved_model.load(str(version))
        outputs = loaded.signatures["attention"](
            context=tf.constant([context]), question=tf.constant(["Where is Mary?"])
        )
        assert outputs["attention"].shape == (1, *shape)
        np.testing.assert_allclose(outputs["attention"].numpy().sum(-1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_killed_run_ends_at_the_same_weights(
    question_config, question_run, tmp_path, monkeypatch
):
    def cut(self, *arguments, own=PaddedBatches._batch):
        self.made = getattr(self, "made", 0) + 1
        if self.made > 2.5 * self.steps and self.steps > 5:
            raise RuntimeError("killed")
        return own(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(PaddedBatches, "_batch", cut)
        with pytest.raises(Exception, match="killed"):
            train(question_config, tmp_path / "run")
    assert 0 < len(read_history(tmp_path / "run")) < 3
    train(question_config, tmp_path / "run")
    runs = (tmp_path / "run", question_run)
    ours, theirs = (Predictor.load(path).model.get_weights() for path in runs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_shorter_passage_has_no_attention_behind_its_end(passages):
    contexts = encoded(["It was built in 1777.", "Built in 1777, it is a tall tower."])
    questions = encoded(["When was it built?"] * 2)
    attention = passages.attention(contexts, questions)["attention"].numpy()
    np.testing.assert_allclose(attention[0, :6].sum(-1), 1, atol=1e-5)
    assert not attention[0, 6:].any()
