"""Exact match and F1 as SQuAD has them; accuracies by kind of question."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from apps.question_answering.predict import best_span
from apps.question_answering.scores import (
    exact_match,
    f1,
    normalized,
    passage_scores,
    story_scores,
)
from apps.question_answering.sources import Passage
from apps.question_answering.stories import Story


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The  Eiffel Tower!", "eiffel tower"),
        ("a\tU.S. state", "us state"),
        ("an", ""),
        ("theatre", "theatre"),
    ],
)
def test_answers_are_normalized(answer, expected):
    assert normalized(answer) == expected


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [
        ("the cat", "cat", 1.0),
        ("black cat", "cat", 2 / 3),
        ("cat cat", "cat", 2 / 3),
        ("dog", "cat", 0.0),
        ("", "cat", 0.0),
        ("the", "a", 1.0),
    ],
)
def test_f1_is_counted_by_hand(answer, reference, score):
    assert f1(answer, reference) == pytest.approx(score)


WORDS = st.lists(st.sampled_from(["a", "the", "cat", "Cat.", "dog", ""]), max_size=3)


def test_characters_of_scripts_without_blanks_are_words():
    assert f1("张三丰先生", "张三丰") == pytest.approx(2 * 3 / 8)
    assert exact_match("北京市。", "北京市") == 1
    assert normalized("The \u732b!") == "\u732b"


@given(WORDS, WORDS)
def test_an_exact_match_has_an_f1_of_one(answer, reference):
    answer, reference = " ".join(answer), " ".join(reference)
    assert 0 <= f1(answer, reference) <= 1
    if exact_match(answer, reference):
        assert f1(answer, reference) == 1.0
    assert exact_match(f"The {answer}!", answer) == 1.0


def passage(question, *answers):
    return Passage("", question, answers, 0, "1")


def test_the_best_reference_counts():
    scores = passage_scores(
        [passage("In which year?", "1999", "in 1999"), passage("Why so?", "no reason")],
        ["in 1999", "reason"],
    )
    assert scores["exact_match"] == 0.5
    assert scores["f1"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["by_question_word"]["which"]["examples"] == 1
    assert scores["by_question_word"]["why"]["f1"] == pytest.approx(2 / 3)
    assert scores["by_answer_length"]["1"]["exact_match"] == 1.0


def story(task, answer, sentences=3, facts=()):
    return Story(("a",) * sentences, "q", answer, task, facts)


def test_stories_are_measured_by_task_facts_and_distance():
    stories = [
        *[story("1 a", "x", 3, (2,))] * 3,
        story("2 b", "x", 9, (0, 2)),
        story("2 b", "new"),
        story("10 c", "y"),
    ]
    scores = story_scores(stories, ["x", "x", "y", "x", "y", "y"], ["x", "y"])
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert list(scores["by_task"]) == ["1 a", "2 b", "10 c"]
    assert scores["error"] == pytest.approx((1 / 3 + 1 / 2 + 0) / 3)
    assert scores["tasks_failed"] == ["1 a", "2 b"]
    assert scores["by_facts"]["1"] == {"accuracy": pytest.approx(2 / 3), "examples": 3}
    assert scores["by_distance"] == {
        "1": {"accuracy": pytest.approx(2 / 3), "examples": 3},
        "6-8": {"accuracy": 1.0, "examples": 1},
    }
    assert scores["unknown_answers"] == 1


def test_the_best_span_ends_where_it_begins_or_soon_after():
    first = [[-1.0, -9, -9, -2] + [-9] * 30]
    last = [[-9.0] * 3 + [-1] + [-9] * 29 + [0]]
    log_p = tf.stack([tf.constant(first), tf.constant(last)], axis=1)
    start, end, score = best_span(log_p)
    assert (int(start[0]), int(end[0]), float(score[0])) == (0, 3, -2.0)
    short = best_span(log_p[:, :, :1])
    assert (int(short[0][0]), int(short[1][0])) == (0, 0)
