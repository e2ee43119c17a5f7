"""Texts that are made to be slow take time in proportion to their length."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.portable import tokens
from apps.common.portable.unicode import PIECES, normalized, normalized_characters

LENGTH = 40_000  # characters, for which quadratic time is 2 to 20 seconds
MOST_S = 1.0  # of CPU time; linear time is below 0.2 seconds

SLOW = {  # what a text repeats, what stands before it and what after it
    "blanks": (" ", "a", "a"),
    "wide blanks": ("\u3000", "\u00e9", "\u00e9"),
    "invisible blanks": ("\u200b", "", "."),
    "blanks after a quotation mark": (" ", '"', ""),
    "lines": (" \n", "", "a"),
    "one line break": (" ", "<br", ""),
    "line breaks": ("<br ", "", ""),
    "NUL": ("\x00", "<br", "a"),
    "quotation marks": ('" a', "", ""),
    "curly quotes": ("\u2019", "", "t"),
    "apostrophes": ("'", "n", "t"),
    "contractions": ("n't", "", ""),
    "one word": ("n", "", "'t"),
    "a word of other letters": ("\u00e9", "", "n't"),
    "stops": (". ", "", "a"),
    "dashes": ("-", "a", ""),
    "numbers": ("1, ", "", "000"),
    "characters without blanks": ("\u732b", "", " \u732b"),
    "marks": ("\u0301", "a", " \u732b"),
    "marks out of order": ("\u0300\u0327", "a", ""),
    "marks of a script without blanks": ("\u0e4d", "", " a"),
    "marks of two scripts": ("\u0e4d\u0334", "", " a"),
    "marks after punctuation": ("\u0301", "\u0e4f", ""),
    "jamo": ("\u1112\u1161\u11ab", "", ""),
    "sigmas": ("\u03a3'", "", "\u03a3"),
}


def tokenize_one_piece(text):
    return tokens.tokenize_pieces([b"".join(text.encode("ascii", "ignore").split())])


FUNCTIONS = {
    "tokenize": tokens.tokenize,
    "tokenize_pieces": tokenize_one_piece,
    "tokenize by version 1": lambda text: tokens.tokenize(text, rules=1),
    "tokens_with_offsets": tokens.tokens_with_offsets,
    "normalized": normalized,
    "story_sentences": lambda text: tokens.story_sentences(text, 3),
    "tokens_of spaces": lambda text: tokens.tokens_of(text, "spaces"),
    "join a token": lambda text: tokens.join([text], "words"),
    "join characters": lambda text: tokens.join(list(text), "words"),
    "join spaces": lambda text: tokens.join(list(text), "spaces"),
}


def cpu_seconds(function, text):
    begin = time.thread_time()
    function(text)
    return time.thread_time() - begin


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_text_takes_quadratic_time(name):
    for about, (repeated, before, after) in SLOW.items():
        text = before + repeated * (LENGTH // len(repeated)) + after
        taken = cpu_seconds(FUNCTIONS[name], text)
        if taken > MOST_S:  # once more, in case the computer was busy
            taken = cpu_seconds(FUNCTIONS[name], text)
        assert taken < MOST_S, (about, taken)


marks = st.text("\u0300\u0301\u0308\u0327\u0334\u0344\u0345\u3099\u05b0", min_size=32)


@given(st.lists(st.sampled_from("ae\u1112\uff76 ") | marks).map("".join))
def test_many_marks_are_composed_as_python_composes_them(text):
    expected = unicodedata.normalize("NFC", text.translate(PIECES)).lower()
    assert normalized(text) == expected == normalized_characters(text)[0]
