"""What is said beside a wake word: nothing that is the word."""

import pytest

from apps.speech_commands.synthesis import wake_word
from apps.speech_commands.synthesis.corpus import OTHER_WORDS, UNKNOWN
from apps.speech_commands.synthesis.voices import ACCENTS, accents_of

LUCY = [["h", "'eI"], ["l", "'u:", "s", "i"]]


class Spelling:
    """A synthesizer whose phonemes are the letters of English words."""

    def phonemes(self, text, voice):
        if voice not in ACCENTS:
            raise ValueError(f"eSpeak NG has no voice {voice!r}.")
        return LUCY if text == "hey lucy" else [list(word) for word in text.split()]


def test_the_parts_of_a_word_are_its_words_beside_others_and_its_halves():
    texts = wake_word.parts("hey lucy", LUCY, ["cat"])
    assert texts == [
        *("hey", "hey cat", "cat hey", "lucy", "lucy cat", "cat lucy"),
        *("[[h|'eI|l]]", "[['u:|s|i]]"),
    ]
    assert wake_word.parts("seven", [list("seven")], ["cat"]) == [
        "[[s|e]]",
        "[[v|e|n]]",
    ]


def test_other_texts_are_as_many_of_each_kind_and_never_the_word():
    texts = wake_word.other_texts("seven", "en", Spelling())
    others = set(OTHER_WORDS) - {"seven"}
    halves = {"[[s|e]]", "[[v|e|n]]"}
    counts = [sum(text in kind for text in texts) for kind in (others, halves)]
    assert counts[0] == counts[1]
    assert not {"seven", "[[s|e|v|e|n]]"} & set(texts)


def test_a_language_that_espeak_ng_does_not_know_is_named():
    assert accents_of("de") == ("de",)
    with pytest.raises(ValueError, match=r"data\.language: expected a language.*'xx'"):
        wake_word.other_texts("hey lucy", "xx", Spelling())


def test_another_word_language_or_length_has_another_place_in_the_cache(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("CAROUSEL_CACHE", str(tmp_path))
    made = []

    def make(directory, spoken):
        made.append((directory, spoken))
        directory.mkdir(parents=True)

    monkeypatch.setattr(wake_word, "make_clips", make)
    monkeypatch.setattr(wake_word, "Synthesizer", Spelling)
    monkeypatch.setattr(wake_word, "read_split", lambda *arguments: arguments)
    first = wake_word.wake_word_split("test", "seven", "en", 1.5, 8000)
    assert first == (made[0][0], "test", 8000, 1.5)
    again = wake_word.wake_word_split("train", "seven", "en", 1.5, 16000)
    assert again[0] == first[0]
    for settings in (
        ("six", "en-us", 1.5),
        ("seven", "en-us", 1.5),
        ("seven", "en", 1),
    ):
        wake_word.wake_word_split("test", *settings, 8000)
    assert len({directory for directory, _ in made}) == 4
    spoken = made[0][1]
    assert list(spoken.texts) == ["seven", UNKNOWN]
    assert spoken.texts["seven"] == ("seven",)
    assert (spoken.seconds, spoken.accents) == (1.5, ACCENTS)
