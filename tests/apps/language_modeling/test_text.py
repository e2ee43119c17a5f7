"""Texts to tokens, and tokens to texts as people write them."""

import itertools

import pytest
import tensorflow as tf

from apps.common.portable.patterns import NEW_LINE
from apps.language_modeling.text import join, tokens_of


def tokens(text, tokenization):
    return [t.decode() for t in tokens_of(tf.constant([text]), tokenization)[0].numpy()]


def test_words_are_lower_case_words_and_marks():
    assert tokens("It isn't (yet) done.\n", "words") == [
        *("it", "is", "n't", "(", "yet", ")", "done", "."),
    ]


@pytest.mark.parametrize("text", ["", " \n", "\t"])
def test_an_empty_line_has_no_words(text):
    assert tokens(text, "words") == tokens(text, "spaces") == []


def test_a_tokenized_text_is_split_at_spaces_alone():
    assert tokens(" the <unk> N co. \n", "spaces") == ["the", "<unk>", "N", "co."]


def test_characters_are_characters_and_a_new_line_has_a_name():
    assert tokens("é a\n", "characters") == ["é", " ", "a", NEW_LINE]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("it is n't ( yet ) done .", "it isn't (yet) done."),
        ('he said " i am " , then left', 'he said "i am", then left'),
        ('" one " and " two', '"one" and "two'),
        ("it 's 3 . 5 or 1 , 500 , not 2 , 3", "it's 3.5 or 1,500, not 2, 3"),
        ("a well - known fact : yes !", "a well-known fact: yes!"),
        ("one . <eos> two", "one.\ntwo"),
        ("", ""),
    ],
)
def test_words_and_marks_are_joined_as_people_write_them(tokens, text):
    joined = join(tf.ragged.constant([tokens.split()], dtype="string"), "words")
    assert joined.numpy()[0].decode() == text


def test_what_is_joined_stays_when_more_follows():
    text = "he said \" it 's a well - known 1 , 500 , is n't it ? \" ( so ) ."
    tokens = text.split()
    texts = [
        join(tf.ragged.constant([tokens[:n]]), "words").numpy()[0].decode()
        for n in range(1, len(tokens) + 1)
    ]
    grown = [b.startswith(a) for a, b in itertools.pairwise(texts)]
    assert sum(grown) >= len(grown) - 1  # "1, 500" becomes "1,500"


def test_characters_are_joined_as_they_are():
    joined = join(tf.ragged.constant([["a", " ", NEW_LINE, "é"]]), "characters")
    assert joined.numpy()[0].decode() == "a \né"
