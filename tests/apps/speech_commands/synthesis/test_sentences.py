"""Sentences without the words that a model listens for."""

import pytest

from apps.speech_commands.synthesis import sentences
from apps.speech_commands.synthesis.sentences import phrases, says, sentences_without


@pytest.mark.parametrize(
    ("labels", "spoken"),
    [
        (["_silence_", "yes", "Stop"], ["stop", "yes"]),
        (["no", "go"], ["go", "know", "no"]),
        (["8", "3"], ["ate", "eight", "three"]),
        (["turn_on", "turn-off"], ["turn off", "turn on"]),
        (["_", "да"], []),
    ],
)
def test_a_label_is_said_as_a_word_or_by_one_that_sounds_alike(labels, spoken):
    assert phrases(labels) == spoken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("He said No.", True),
        ("Nobody knows, not now.", False),
        ("A no-one", True),
        ("You know it.", True),
        ("Turn it on.", False),
        ("Please, turn\non!", True),
        ("In 1984", False),
    ],
)
def test_a_label_counts_as_a_whole_word(text, said):
    assert says(text, phrases(["no", "turn on"])) is said


def test_a_digit_may_be_any_number_word():
    assert says("In 1984", phrases(["four"]))
    assert says("In 1984", phrases(["7"]))


def test_each_sentence_is_in_one_split_and_those_with_a_label_are_counted(monkeypatch):
    texts = [f"Sentence {n} goes on and on. It stops here for {n}." for n in range(300)]
    texts += ["Too few words.", "Ünly not in ASCII here.", " ".join(["long"] * 41)]
    monkeypatch.setattr(sentences, "_texts", lambda: texts)
    found = {
        split: sentences_without(["on"], split)
        for split in ("train", "validation", "test")
    }
    kept = [sentence for sentence, _ in found.values() for sentence in sentence]
    assert sorted(kept) == sorted(f"It stops here for {n}." for n in range(300))
    assert sum(left_out for _, left_out in found.values()) == 300
    sizes = [len(sentence) for sentence, _ in found.values()]
    assert sizes == pytest.approx([180, 60, 60], abs=25)


def test_the_texts_are_of_both_packages(wikipedia, packages):
    kept, left_out = sentences_without(["wiki"], "train")
    assert left_out  # "Text 7 of the wiki."
    assert kept
    assert all("wiki" not in sentence for sentence in kept)
