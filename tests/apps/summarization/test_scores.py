"""ROUGE by hand, what a summary has to be better than, novel runs of words."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rouge_score.tokenizers import DefaultTokenizer

from apps.summarization.scores import EveryScript, is_a, lead, novel_fraction, rouge


def test_rouge_is_counted_by_hand():
    scores = rouge(["the cats sat down"], ["cat sat on it"])
    assert scores["rouge_1"] == pytest.approx(2 * 0.5 * 0.5)  # cat and sat, stemmed
    assert scores["rouge_2"] == pytest.approx(2 / 6)
    assert scores["rouge_l"] == pytest.approx(0.5)


def test_rouge_is_the_mean_over_documents():
    scores = rouge(["a b", "c d"], ["a b", "x y"])
    assert scores == {"rouge_1": 0.5, "rouge_2": 0.5, "rouge_l": 0.5}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Кошка сидит на окне.", ["кошка", "сидит", "на", "окне"]),
        ("Γάτα λευκή", ["γάτα", "λευκή"]),
        ("猫が好き。", ["猫", "が", "好", "き"]),
        ("แมว", ["แ", "ม", "ว"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("고양이가 있다", ["고양이가", "있다"]),
        ("cats и кошки", ["cat", "и", "кошки"]),
    ],
)
def test_words_of_every_script_count(text, words):
    assert EveryScript().tokenize(text) == words
    assert set(rouge([text], [text]).values()) == {1.0}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u043c\u043e\u0438\u0306", "\u043c\u043e\u0439"),  # a letter and its mark
        ("\u06cc\u200c\u062e", "\u06cc\u062e"),  # a non-joiner
        ("\uff83\uff7d\uff84", "\u30c6\u30b9\u30c8"),  # half width
        ("\uff21\uff22\uff23 \u0442\u0435\u0441\u0442", "abc \u0442\u0435\u0441\u0442"),
    ],
)
def test_texts_that_look_the_same_are_the_same(one, other):
    assert EveryScript().tokenize(one) == EveryScript().tokenize(other)
    assert rouge([one], [other])["rouge_1"] == 1


@example("CO₂ in Hawai\u02bbi, ˈəʊ, ①")
@given(st.text(st.characters(max_codepoint=0x24F), max_size=60))
def test_latin_texts_have_the_tokens_of_the_library(text):
    assert EveryScript().tokenize(text) == DefaultTokenizer(True).tokenize(text)


def test_the_lead_is_the_first_sentences():
    text = "Dr. Bo left the U.S. for St. Gallen. He is 3.5 m tall! Is he?\nYes."
    assert lead("One. Two.", 1) == "One."
    assert lead(text, 1) == "Dr. Bo left the U.S. for St. Gallen."
    assert lead(text, 3) == text.split("\n")[0]
    assert lead(text, 4) == text.replace("\n", " ")
    assert lead("a line\nanother", 1) == "a line"
    assert lead("a line\n\nanother", 2) == "a line another"
    assert lead("", 1) == ""
    assert lead("一。二！三。", 2) == "一。 二！"  # noqa: RUF001 - full width


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rome is the capital of Italy. It is old.", "capital of Italy"),
        ("Bo was an English poet, who died.", "English poet"),
        ("No verb here. It is a test.", "No verb here."),
    ],
)
def test_is_a_takes_what_follows(text, expected):
    assert is_a(text) == expected


def test_runs_that_the_document_has_not_are_novel():
    documents, summaries = [list("abcd"), list("xy")], [list("abd"), list("xz")]
    assert novel_fraction(documents, summaries, 1) == pytest.approx(1 / 5)
    assert novel_fraction(documents, summaries, 2) == pytest.approx(2 / 3)
    assert novel_fraction(documents, summaries, 4) == 0
