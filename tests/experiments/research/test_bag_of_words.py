"""The regression on bags of words: it learns training stories, not test stories."""

from apps.question_answering.stories import Story
from experiments.research.bag_of_words import accuracy

PLACES = ("kitchen", "garden", "office")


def stories(answers, count=8):
    """Returns stories that name a place, with the given answers."""
    return [
        Story((f"mary went to the {place}",), "where is mary", answer, "t", ())
        for place, answer in zip(PLACES * count, answers * count, strict=True)
    ]


def test_the_regression_knows_the_training_stories_and_not_the_others():
    right, turned = stories(PLACES), stories(PLACES[1:] + PLACES[:1])
    assert accuracy(right, right) == 1.0
    assert accuracy(right, turned) == 0.0
