"""Tokens without TensorFlow: the golden file, and TensorFlow's own results."""

import functools
import subprocess
import sys
import unicodedata
from itertools import pairwise

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.common.data import text as graph
from apps.common.data.unicode import normalized_characters as graph_characters
from apps.common.portable import tokens as portable
from apps.common.portable.patterns import END, NEW_LINE
from apps.common.portable.unicode import normalized_characters
from apps.language_modeling import text as graph_language
from apps.question_answering.data import story_sentences
from apps.question_answering.tokens import located_tokens
from tests.apps.common.data.reference_tokens import golden

TOKENIZATIONS = ("words", "spaces", "characters")
PIECES = (
    *("'", "\u2019", "n't", "'s", "ll", "<br>", "<br />", " ", "...", "-", "--", "n"),
    *("t", "a", "\u00e9", "e\u0301", "\u732b", "\u0e01", "\u0e33", "\u30fc", "\u00ad"),
    *("\u00bd", "\ufb01", "\u03a3", "\u0130", "\u0323", "\u0301", "\u1112\u1161", "\t"),
    *("\u11ab", "\uac00", "\u00b4", "\U0001f1e9", "\u200d", "\x01", "\x02", "\u0344"),
    *("\x00", "<br\x00>", "<br\x0b>", "<BR", "/>", "\r", "\n", "\x1c", "\x85"),
    *("\u2028", "\u0e4f", "\u2e80", "\u09c7\u09be", "\u0f71\u0f72", "\ue000", "\u0e31"),
    *(".", "!", "?", "\u3002", "\u300c", "1", "000", ",", ":", "$", "(", ")", '"', "%"),
)
BYTES = (b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\xaf")


@functools.cache
def disputed():
    """Returns the characters on which the engines' versions of Unicode differ.

    Those that Python has not, and those whose case TensorFlow's ICU does not know.
    """
    characters = [chr(n) for n in range(1, 0x110000) if not 0xD800 <= n < 0xE000]
    unassigned = {c for c in characters if unicodedata.category(c) == "Cn"}
    assigned = [c for c in characters if c not in unassigned]
    probes = [f"{c}a\u03a3{c}a" for c in assigned]
    lower = tf.strings.lower(tf.constant(probes), encoding="utf-8").numpy()
    pairs = zip(assigned, probes, lower, strict=True)
    newer = {c for c, probe, found in pairs if found.decode() != probe.lower()}
    assert len(newer) < 500  # 414 with Unicode 15.1, that of Python 3.13
    return unassigned | newer


def is_settled(text):
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return text.isascii() or disputed().isdisjoint(text)


TEXTS = [  # which engines may read differently
    "a\u2018s isn\u2019t n't't 'sn't n'to",
    "\u0e4f\u0301abc \u2e80\u0301",
    "<br\x00><br\x0b/>",
    "a\u0301\u0301 a\u0323\u0301 a\u0301\u0323",
    "\u1112\u1161\u11ab\u0301",
    "A\x00B\x85C\u00a0D",
    "\u2026\u00e9 \u0130I\u03a3 \u03a3",
    "Dr. No! \x1c\r\n\n",
    b"\xed\xa0\x80 caf\xc3",
    "\ud800",
]
JOINED = [
    ["1", ",", "000\u00e9"],
    ["it", "'s\u00e9"],
    ["a", "-\n"],
    ["", "a", "", END, "b"],
]

pieces = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
faulty = st.lists(st.sampled_from([*BYTES, *(p.encode() for p in PIECES)]), max_size=9)
texts = st.one_of(pieces, st.text(), faulty.map(b"".join), st.binary(max_size=9))
batches = st.lists(texts.filter(is_settled), min_size=1, max_size=20)
joinable = st.sampled_from([*PIECES, END, NEW_LINE, "n't", "'d", "ok", "\u00e9t\u00e9"])
token_lists = st.lists(st.lists(joinable | pieces, max_size=9), min_size=1, max_size=20)


@functools.cache
def traced(function):
    """Returns a function of texts as a graph, as an export has it."""
    signature = [tf.TensorSpec([None], "string")]
    return tf.function(function, autograph=False, input_signature=signature)


def decoded(tokens):
    return [[token.decode() for token in row] for row in tokens.to_list()]


def ragged(lists):
    lists = [[token.encode() for token in row] for row in lists]
    return tf.ragged.constant(lists, dtype="string", ragged_rank=1)


@functools.cache
def in_a_graph(name, *arguments):
    functions = {
        "tokenize": lambda texts: graph.tokenize(texts, *arguments),
        "located": lambda texts: located_tokens(texts, *arguments),
        "tokens_of": lambda texts: graph_language.tokens_of(texts, *arguments),
        "sentences": lambda texts: story_sentences(texts, *arguments),
        "characters": lambda texts: graph_characters(
            graph.without_nul(graph.valid_utf8(texts))
        ),
    }
    return traced(functions[name])


def test_the_golden_file_has_the_same_tokens_in_plain_python():
    for case in golden():
        located = portable.tokens_with_offsets(case["text"])
        assert [list(token) for token in located] == case["tokens"], case["about"]
        assert portable.tokenize(case["text"]) == [token for token, *_ in located]


ascii_pieces = st.one_of(
    st.text(st.characters(max_codepoint=127)), pieces.filter(str.isascii)
).map(lambda text: b"".join(text.encode().split()))


@given(st.lists(ascii_pieces))
@example([b"<br\x00/>a", b"<br", b"/>", b"n't", b"'S", b""])
def test_pieces_of_ascii_are_split_together_as_alone(pieces):
    tokens = []
    for piece in pieces:
        tokens += [t.encode() for t in portable.tokens_of(piece, "words")]
        tokens.append(portable.SEPARATOR)
    assert portable.tokenize_pieces(pieces) == tokens


@pytest.mark.parametrize("rules", [1, 2])
@given(batches)
@example(TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_text_has_the_tokens_that_the_graph_finds(rules, batch):
    found = decoded(in_a_graph("tokenize", rules)(graph.encoded(batch)))
    assert [portable.tokenize(text, rules) for text in batch] == found


@pytest.mark.parametrize("rules", [1, 2])
@given(batches)
@example(TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_token_stands_where_the_graph_finds_it(rules, batch):
    tokens, *places = in_a_graph("located", rules)(graph.encoded(batch))
    columns = decoded(tokens), *(place.to_list() for place in places)
    found = [list(zip(*row, strict=True)) for row in zip(*columns, strict=True)]
    assert [portable.tokens_with_offsets(text, rules) for text in batch] == found


@given(batches)
@example(TEXTS)
@settings(max_examples=60, deadline=None)
def test_characters_come_from_where_the_graph_finds_them(batch):
    code_points, splits, *places = in_a_graph("characters")(graph.encoded(batch))
    for text, (begin, end) in zip(batch, pairwise(splits.numpy()), strict=True):
        text = portable.without_nul(portable.valid_utf8(text))
        characters, *found = normalized_characters(text)
        expected = "".join(map(chr, code_points[begin:end].numpy()))
        assert characters == expected.lower()
        for ours, place in zip(found, places, strict=True):
            assert list(ours) == place[begin:end].numpy().tolist()


@pytest.mark.parametrize("rules", [1, 2])
@pytest.mark.parametrize("tokenization", TOKENIZATIONS)
@given(batches)
@example(TEXTS)
@settings(max_examples=30, deadline=None)
def test_a_language_model_reads_the_tokens_of_the_graph(tokenization, rules, batch):
    found = decoded(in_a_graph("tokens_of", tokenization, rules)(graph.encoded(batch)))
    assert [portable.tokens_of(t, tokenization, rules) for t in batch] == found


@given(token_lists)
@example(JOINED)
@settings(max_examples=60, deadline=None)
def test_words_are_joined_as_in_the_graph(lists):
    found = [text.decode() for text in graph.join_words(ragged(lists)).numpy()]
    assert list(map(portable.join_words, lists)) == found


@pytest.mark.parametrize("tokenization", TOKENIZATIONS)
@given(token_lists)
@example(JOINED)
@settings(max_examples=30, deadline=None)
def test_tokens_of_a_language_model_are_joined_as_in_the_graph(tokenization, lists):
    found = graph_language.join(ragged(lists), tokenization).numpy()
    for tokens, text in zip(lists, found, strict=True):
        assert portable.join(tokens, tokenization) == text.decode()


@pytest.mark.parametrize("sentences", [1, 3])
@given(batches)
@example(TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_story_has_the_sentences_that_the_graph_finds(sentences, batch):
    found = decoded(in_a_graph("sentences", sentences)(graph.encoded(batch)))
    assert [portable.story_sentences(text, sentences) for text in batch] == found


@pytest.mark.slow
@pytest.mark.parametrize("rules", [1, 2])
def test_every_character_has_the_tokens_that_the_graph_finds(rules):
    numbers = (n for n in range(0x110000) if not 0xD800 <= n < 0xE000)
    texts = [f"a{c}b <{c}' {c}\u0301" for c in map(chr, numbers) if is_settled(c)]
    found = decoded(in_a_graph("tokenize", rules)(graph.encoded(texts)))
    for text, tokens in zip(texts, found, strict=True):
        assert portable.tokenize(text, rules) == tokens


def test_tokens_need_neither_tensorflow_nor_keras():
    program = (
        "import sys; from apps.common.portable import tokens, vocabulary\n"
        "tokens.tokenize('caf\u00e9')\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
