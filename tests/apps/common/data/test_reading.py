"""Texts read piece by piece, compared with the operations of a served model."""

import functools
import itertools
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.data import reading
from apps.common.data import vocabulary as vocabulary_module
from apps.common.data.reading import KnownIds, NewIds, TextReader, in_a_graph
from apps.common.data.text import encoded
from apps.common.data.vocabulary import CountingReader, TokenCounts, Vocabulary
from apps.language_modeling.text import reader_of, tokens_of
from tests.apps.common.data.reference_tokens import golden

KINDS = [("words", 1), ("words", 2), ("spaces", 2), ("characters", 2)]
PIECES = (
    *("'", "\u2019", "n't", "'s", "ll", "<br>", "<br />", " ", "...", "-", "--", "n"),
    *("t", "a", "\u00e9", "e\u0301", "\u732b", "\u0e01", "\u0e33", "\u30fc", "\u00ad"),
    *("\u00bd", "\ufb01", "\u03a3", "\u0130", "\u0323", "\u0301", "\u1112\u1161", "\t"),
    *("\u11ab", "\uac00", "\u00b4", "\U0001f1e9", "\u200d", "\x01", "\x02", "\u0344"),
    *(
        "\x00",
        "<br",
        "<BR",
        "/>",
        ">",
        "/",
        "<",
        "br",
        "\r",
        "\n",
        "\x0b",
        "\f",
        "\x1c",
    ),
    *("\x85", "\u00a0", "\u2028", "\u3000", "\u1680", "\u180e", "\ufeff", "\u0338"),
    *("\uff1c\uff42\uff52", "\uff1e", "\u226f", "\u0e4f", "\u2e80", "\u09c7\u09be"),
    *("\ue000", "\u0e31", "\ufdfa", "\u0378", "\U0001e030", "\ud800", "1", "A", "\x7f"),
    *("<unk>", "<pad>", "<eos>", "B", "\uff76\uff9e", "\u2126", "\u1e9e", "\ufffd"),
)
BYTES = (
    b"\xff",
    b"\xc3",
    b"\xe2\x82",
    b"\xac",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xf0\x9f",
)

texts_of_pieces = st.lists(st.lists(st.sampled_from(PIECES)).map("".join), min_size=1)
faulty = st.sampled_from([*BYTES, *(p.encode("utf-8", "replace") for p in PIECES)])
texts_of_bytes = st.lists(st.lists(faulty).map(b"".join), min_size=1)


@functools.cache
def reader(tokenization, rules):
    return reader_of(NewIds(), tokenization, rules)


def tokens_read(texts, tokenization, rules):
    """Returns the tokens of each text, by a reader that has read others before."""
    own = reader(tokenization, rules)
    rows = []
    for _, ids, lengths in own.read(texts):
        tokens, start = list(own.ids), 0
        for length in lengths:
            rows.append([tokens[n] for n in ids[start : start + length]])
            start += length
    return rows


def of_the_graph(texts, *arguments):
    return in_a_graph(tokens_of, *arguments)(encoded(texts)).to_list()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_golden_file_is_read_as_in_the_graph(kind):
    texts = [case["text"] for case in golden()]
    assert tokens_read(texts, *kind) == of_the_graph(texts, *kind)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(texts_of_pieces)
@settings(max_examples=100, deadline=None)
def test_pieces_in_any_order_are_read_as_in_the_graph(kind, texts):
    assert tokens_read(texts, *kind) == of_the_graph(texts, *kind)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(st.one_of(st.lists(st.text(), min_size=1), texts_of_bytes))
@settings(max_examples=100, deadline=None)
def test_any_texts_and_bytes_are_read_as_in_the_graph(kind, texts):
    assert tokens_read(texts, *kind) == of_the_graph(texts, *kind)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a<br\n/>b <BR >c", "a b c"),
        ("a\uff1cbr />b", "a b"),
        ("a<br\x00 \x00>b", "a b"),
        ("a<b\u00adr\t>b", "a b"),
        ("a<br />\u0338b", "a < br / \u226f b"),
        ("a<br \x0b>b", "a < br > b"),
        ("<br a>b <br", "< br a > b < br"),
    ],
    ids=["ASCII", "full width", "NUL", "soft hyphen", "composed", "tab", "no break"],
)
def test_a_line_break_of_html_may_stand_in_two_pieces(text, tokens):
    texts = ["<br", text, "/> c"]
    found = tokens_read(texts, "words", 2)
    assert found == of_the_graph(texts, "words", 2)
    assert b" ".join(found[1]).decode() == tokens


def test_forgotten_pieces_get_the_same_ids_again(monkeypatch):
    texts = [case["text"] for case in golden()]
    ids = KnownIds(["<pad>", "<unk>", "a", "the", "\u732b", "n't"])
    expected = list(map(np.ndarray.tolist, TextReader(ids).rows(texts)))
    monkeypatch.setattr(reading, "BATCH_TEXTS", 7)
    for name in ("KEPT", "KEPT_BYTES"):
        monkeypatch.setattr(reading, name, 30)
        rows = list(map(np.ndarray.tolist, TextReader(ids).rows(texts)))
        assert rows == expected
        monkeypatch.undo()


@given(st.lists(st.text(st.characters(codec="utf-8"))), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_a_vocabulary_encodes_without_a_graph_what_it_encodes_in_one(texts, most):
    vocabulary = Vocabulary(["a", "0", "'"])
    rows = list(map(np.ndarray.tolist, vocabulary.encode(texts, most)))
    assert rows == vocabulary.token_ids(encoded(texts), most).to_list()


@pytest.mark.parametrize("kept", [0, 5, 1000])
def test_tokens_are_counted_in_segments(kept, monkeypatch):
    monkeypatch.setattr(vocabulary_module, "KEPT", kept)
    monkeypatch.setattr(reading, "BATCH_TEXTS", 9)
    texts = [case["text"] for case in golden()]
    counting, found = CountingReader(), []
    for _, numbers, _ in counting.read(texts):
        found += numbers.tolist()
    expected = [token for row in of_the_graph(texts, "words", 2) for token in row]
    segments = list(counting.segments())
    tokens = [token for segment, _ in segments for token in segment]
    assert [tokens[number] for number in found] == expected
    counts = [n for _, occurrences in segments for n in occurrences.tolist()]
    assert counts == np.bincount(found, minlength=len(tokens)).tolist()
    assert (len(segments) > 1) == (kept < 1000)
    exact = TokenCounts()
    exact.update(expected)
    assert counting.counts().most_frequent(10**6) == exact.most_frequent(10**6)


def test_an_error_while_reading_ahead_reaches_the_caller():
    def fail(texts):
        raise MemoryError

    with pytest.raises(MemoryError):
        list(TextReader(NewIds(), split=fail).read(["a"]))
    texts = TextReader(NewIds()).read(f"text {n}" for n in itertools.count())
    next(texts)
    threads = threading.active_count()
    texts.close()
    assert threading.active_count() < threads
