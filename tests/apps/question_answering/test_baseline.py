"""The baselines of question answering: words without their order."""

from dataclasses import replace

import pytest

from apps.question_answering import baseline
from apps.question_answering.baseline import (
    passage_answers,
    story_answers,
    training_stories,
)
from apps.question_answering.config import DataConfig
from apps.question_answering.sources import Passage
from apps.question_answering.stories import Story, make_stories

PLACES = ("kitchen", "garden", "office")
CONTEXT = (
    "The house was built in 1777. The bridge was built of stone by Ann. "
    "Is it tall?\nNobody knows."
)


def stories(answers, count=8):
    """Returns stories that name a place, with the given answers."""
    return [
        Story((f"mary went to the {place}",), "where is mary", answer, "t", ())
        for place, answer in zip(PLACES * count, answers * count, strict=True)
    ]


def test_the_regression_knows_the_training_stories_and_not_the_others():
    train = stories(PLACES)
    assert story_answers(train, train) == [*PLACES] * 8
    turned = stories(PLACES[1:] + PLACES[:1])
    assert story_answers(train, turned) == [*PLACES] * 8
    assert story_answers(turned, train) == [*PLACES[1:], PLACES[0]] * 8


def test_stories_in_scripts_without_blanks_have_words():
    turned = ("在园", "在家", "在店")
    train = [
        Story((f"他{place}。",), "他在哪里", place[1], "t", ()) for place in turned * 8
    ]
    assert story_answers(train, train) == [s.answer for s in train]
    (answer,) = passage_answers(
        [Passage("他在家。北京是首都。", "首都是哪里？", ("北京",), 4, "1")]  # noqa: RUF001
    )
    assert answer == "北京是首都。"


def test_it_learns_from_stories_of_the_training_split(monkeypatch):
    monkeypatch.setattr(baseline, "MAX_STORIES", 9)
    config = DataConfig(stories=20)
    assert training_stories(config) == make_stories("train", 9, config.gap)
    assert training_stories(replace(config, stories=4)) == make_stories(
        "train", 4, config.gap
    )


def test_of_many_stories_in_files_it_takes_some(babi_folder, monkeypatch):
    monkeypatch.setattr(baseline, "MAX_STORIES", 40)
    config = DataConfig(dataset="babi", directory=str(babi_folder))
    assert len(training_stories(config)) == 40


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When was the house built?", "The house was built in 1777."),
        ("Who built the bridge?", "The bridge was built of stone by Ann."),
        ("How tall?", "Is it tall?"),
        ("Zzz?", "The house was built in 1777."),
    ],
)
def test_a_passage_answers_with_the_sentence_that_shares_rare_words(question, answer):
    assert passage_answers([Passage(CONTEXT, question, ("x",), 0, "1")]) == [answer]


def test_an_empty_passage_has_an_empty_answer():
    assert passage_answers([Passage(" ", "Why?", ("x",), 0, "1")]) == [""]
