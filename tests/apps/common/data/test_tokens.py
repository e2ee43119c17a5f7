"""Tokens and their places: a golden file over many scripts, and plain Python."""

import os
import subprocess
import sys
import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.data.text import encoded, join_words, tokenize, tokens_with_offsets
from apps.common.data.unicode import normalize
from apps.common.portable.unicode import normalized as normalized_text
from tests.apps.common.data.reference_tokens import golden, normalized, tokens

GOLDEN = golden()
TEXTS = [case["text"] for case in GOLDEN]
PIECES = (
    *("'", "\u2019", "n't", "'s", "ll", "<br>", "<br />", " ", "...", "-", "--", "n"),
    *("t", "a", "\u00e9", "e\u0301", "\u732b", "\u0e01", "\u0e33", "\u30fc", "\u00ad"),
    *("\u00bd", "\ufb01", "\u03a3", "\u0130", "\u0323", "\u0301", "\u1112\u1161", "\t"),
    *("\u11ab", "\uac00", "\u00b4", "\U0001f1e9", "\u200d", "\x01", "\x02", "\u0344"),
)
RARE = "\ua9cf"  # belongs to no script, although it is named JAVANESE


def assigned(text):
    return all(unicodedata.category(c) != "Cn" for c in text) and RARE not in text


@tf.function(autograph=False, input_signature=[tf.TensorSpec([None], "string")])
def in_a_graph(texts):
    return *tokens_with_offsets(texts), tokenize(texts), normalize(texts)


def located(texts):
    """Returns the tokens with their places, in a graph; `tokenize` has the same."""
    *columns, words, _ = in_a_graph(encoded(texts))
    rows = [column.to_list() for column in columns]
    assert words.to_list() == rows[0]
    return [
        [[token.decode(), *place] for token, *place in zip(*row, strict=True)]
        for row in zip(*rows, strict=True)
    ]


def as_lists(text):
    return [list(token) for token in tokens(text)]


def test_the_golden_file_is_what_the_rules_say():
    assert len({case["text"] for case in GOLDEN}) == len(GOLDEN) > 300
    for case in GOLDEN:
        assert as_lists(case["text"]) == case["tokens"], case["about"]


def test_the_graph_finds_the_tokens_of_the_golden_file():
    for case, found in zip(GOLDEN, located(TEXTS), strict=True):
        assert found == case["tokens"], case["about"]


@given(st.lists(st.lists(st.sampled_from(PIECES)).map("".join), min_size=1))
@settings(max_examples=60, deadline=None)
def test_pieces_in_any_order_have_the_tokens_that_the_rules_say(texts):
    assert located(texts) == [as_lists(text) for text in texts]


@given(st.lists(st.text().filter(assigned), min_size=1))
@settings(max_examples=60, deadline=None)
def test_any_text_has_the_tokens_that_the_rules_say(texts):
    texts = [text.replace("\x00", " ") for text in texts]
    assert located(texts) == [as_lists(text) for text in texts]


@pytest.mark.slow
def test_every_character_has_the_tokens_that_the_rules_say():
    characters = (chr(n) for n in range(1, 0x110000) if not 0xD800 <= n < 0xE000)
    texts = [f"a{c}b" for c in characters if assigned(c)]
    for text, found in zip(texts, located(texts), strict=True):
        assert found == as_lists(text)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_canonically_equal_texts_have_equal_tokens(form):
    texts = [text for text in TEXTS if "\u1112\u0301" not in text]
    equal = [unicodedata.normalize(form, text) for text in texts]
    assert tokenize(encoded(equal)).to_list() == tokenize(encoded(texts)).to_list()


def test_a_normalized_text_is_that_of_the_standard_in_lower_case():
    texts = [c["text"] for c in GOLDEN if c["about"].split(",")[0] not in EXCEPTIONS]
    *_, found = in_a_graph(encoded(texts))
    visible = ["".join(c for c, *_ in normalized(text)) for text in texts]
    expected = [unicodedata.normalize("NFKC", text).lower() for text in texts]
    assert [t.decode() for t in found.numpy()] == expected == visible


@given(st.lists(st.text().filter(assigned), min_size=1))
@settings(max_examples=60, deadline=None)
def test_plain_python_normalizes_as_the_graph_does(texts):
    texts = [text.replace("\x00", " ") for text in texts]
    *_, found = in_a_graph(encoded(texts))
    assert [t.decode() for t in found.numpy()] == list(map(normalized_text, texts))


EXCEPTIONS = ("invisible", "punctuation", "Numbers", "empty", "white space", "accents")
EXCEPTIONS += ("Persian", "contractions", "dots and dashes", "emoji", "Sinhala")
EXCEPTIONS += ("line breaks of HTML", "combining marks of scripts")


def test_a_token_is_cut_where_it_stands():
    spans = [
        (token, case["text"][start:end])
        for case in GOLDEN
        for token, start, end in case["tokens"]
        if end > 0
    ]
    again = tokenize(encoded([span for _, span in spans])).to_list()
    for (token, span), found in zip(spans, again, strict=True):
        one, other = (
            t.replace("\u03c2", "\u03c3")  # final sigma
            for t in (token, b" ".join(found).decode())
        )
        assert one in other, span


def test_texts_of_scripts_without_blanks_are_joined_without_them():
    texts = ["我喜欢看电影。", "เก้าอี้", "時々「コーヒー」を飲む。", "1 cup of 茶"]
    joined = join_words(tokenize(encoded(texts))).numpy()
    assert [text.decode() for text in joined] == texts


def test_by_the_first_rules_nothing_is_normalized():
    (old,) = tokenize(encoded(["Cafe\u0301 a\u00adb 很好"]), rules=1).to_list()
    assert [t.decode() for t in old] == ["cafe\u0301", "a", "b", "很好"]


@pytest.mark.slow
@pytest.mark.parametrize("rules", [1, 2])
def test_the_language_of_the_computer_changes_no_token(rules):
    program = (
        "from apps.common.data.text import tokenize\n"
        f"print(tokenize(['I SIT'], {rules}).to_list())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "LC_ALL": "tr_TR.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[[b'i', b'sit']]"
