"""The simulator: what it says is true, and no story is in two splits."""

import re
from collections import Counter

import pytest

from apps.question_answering.stories import (
    NOISE,
    NUMBERS,
    TASKS,
    make_stories,
    split_of,
)


@pytest.fixture(scope="module")
def stories():
    return make_stories("train", 800, gap=0)


class Reader:
    """Follows the sentences by rules of its own, with nothing but where and who."""

    def __init__(self, sentences):
        self.at, self.holder, self.lies, self.been, self.gave = {}, {}, {}, {}, {}
        for sentence in sentences:
            self.read(sentence)

    def read(self, sentence):
        words = sentence.split()
        if sentence in NOISE:
            return
        person, thing = words[0], words[3] if len(words) > 3 else words[-1]
        if words[1] == "gave":
            self.holder[thing] = words[-1]
            self.gave[thing, words[-1]] = person
        elif words[1] in ("took", "dropped"):
            thing = words[-1]
            if words[1] == "took":
                self.holder[thing] = person
            else:
                del self.holder[thing]
            self.lies[thing] = self.at.get(person)
        else:
            self.at[person] = words[-1]
        for thing in {*self.holder, *self.lies}:
            place = self.at.get(self.holder[thing]) if thing in self.holder else None
            place = place or self.lies.get(thing)
            trace = self.been.setdefault(thing, [])
            if not trace or trace[-1] != place:
                trace.append(place)

    def answer(self, question):
        words = question.split()
        if question.startswith("where is the"):
            return self.been[words[-1]][-1]
        if question.startswith("where is"):
            return self.at[words[-1]]
        if question.startswith("where was"):
            trace = self.been[words[3]]
            return trace[trace.index(words[-1]) - 1]
        if question.startswith("who has"):
            return self.holder[words[-1]]
        if question.startswith("who gave"):
            return self.gave[words[3], words[-1]]
        has = [t for t, person in self.holder.items() if person == words[-1]]
        if question.startswith("how many"):
            return NUMBERS[len(has)]
        if question.startswith("what"):
            return has[0] if has else "nothing"
        return "yes" if self.at[words[1]] == words[-1] else "no"


def test_another_reader_finds_the_same_answers(stories):
    for story in stories:
        assert Reader(story.sentences).answer(story.question) == story.answer, story


def test_the_supporting_facts_suffice_where_a_place_is_asked_for(stories):
    for story in stories:
        if story.task == "where is a person":
            (fact,) = (story.sentences[n] for n in story.facts)
            assert re.search(rf"^{story.question.split()[-1]} .* {story.answer}$", fact)
        assert story.facts
        assert max(story.facts) < len(story.sentences)
    counts = Counter(len(story.facts) for story in stories)
    assert {1, 2, 3} <= set(counts)


@pytest.mark.parametrize("task", ["who has it", "who gave it", "yes or no"])
def test_the_supporting_facts_alone_give_the_answer(stories, task):
    for story in stories:
        if story.task == task:
            facts = [story.sentences[n] for n in story.facts]
            assert Reader(facts).answer(story.question) == story.answer, story


def test_every_task_comes_equally_often(stories):
    assert Counter(story.task for story in stories) == dict.fromkeys(TASKS, 100)


def test_the_stories_are_the_same_each_time_and_in_one_split_only():
    splits = {
        name: make_stories(name, 100, gap=1) for name in ("train", "validation", "test")
    }
    assert splits["test"] == make_stories("test", 100, gap=1)
    texts = {
        name: {(s.sentences, s.question) for s in stories}
        for name, stories in splits.items()
    }
    assert not texts["train"] & texts["test"]
    assert not texts["train"] & texts["validation"]
    for name, stories in splits.items():
        assert {split_of(story.sentences) for story in stories} == {name}


def test_a_gap_puts_noise_before_the_question():
    def distance(gap):
        stories = make_stories("train", 150, gap)
        return sum(len(s.sentences) - max(s.facts) for s in stories) / 150

    assert 8 < distance(10) - distance(0) < 12
    last = make_stories("train", 50, gap=10)
    assert all(s.sentences[-1] in NOISE for s in last if len(s.sentences) > 26)
