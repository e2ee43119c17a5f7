"""Tokens of hand-written examples; a vocabulary's order, limits and round trip."""

from collections import Counter

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.data import vocabulary as vocabulary_module
from apps.common.data.text import batches_of_texts, tokenize
from apps.common.data.vocabulary import TokenCounts, Vocabulary
from apps.common.portable.patterns import PADDING_ID, UNKNOWN_ID

EXAMPLES = {
    "words and punctuation": ("It is good!", "it is good !"),
    "not": ("It isn't. Don't! can't", "it is n't . do n't ! ca n't"),
    "other contractions": (
        "I'm we're they've she'll he'd it's",
        "i 'm we 're they 've she 'll he 'd it 's",
    ),
    "two contractions": ("I'd've shouldn't've", "i 'd 've should n't 've"),
    "no contraction": ("o'clock 'tis", "o ' clock ' tis"),
    "quotation marks": ("'sure' \"so\"", "' sure ' \" so \""),
    "curly apostrophes": ("it\u2019s isn\u2019t", "it 's is n't"),
    "curly quotes": ("\u2018a\u2019 \u201cb\u201d", "' a ' \u201c b \u201d"),
    "line breaks of HTML": ("a<br />b<BR>c<br/>d", "a b c d"),
    "other HTML": ("<i>a</i>", "< i > a < / i >"),
    "hyphens": ("well-made -- no", "well - made -- no"),
    "many hyphens": ("a-----b", "a -- -- - b"),
    "ellipsis": ("wait... what\u2026 no....", "wait ... what ... no ... ."),
    "numbers": ("3.5/10 $1,000", "3 . 5 / 10 $ 1 , 000"),
    "underscore": ("foo_bar", "foo _ bar"),
    "emoji": ("😀 so😀so", "😀 so 😀 so"),
    "emoji only": ("👍🏽", "👍 🏽"),
    "accents": ("Café ÀÉ", "café àé"),
    "combining accents": ("cafe\u0301", "caf\u00e9"),
    "other scripts": ("Хорошо 很好", "хорошо 很 好"),
    "white space": (" a\t\tb\r\nc\u3000d ", "a b c d"),
    "no-break space": ("a\u00a0b", "a b"),
    "line separators": ("a\u2028b\x85c", "a b c"),
    "zero width": ("a\u200bb\ufeff", "ab"),
    "control characters": ("a\x02b\x01c\x07", "a b c"),
    "control characters in a contraction": ("is\x01n't", "is n't"),
    "the names of special tokens": ("<pad> <unk>", "< pad > < unk >"),
    "nothing": ("", "<unk>"),
    "white space only": (" \n\u00a0", "<unk>"),
    "control characters only": ("\x00\u200b", "<unk>"),
}

BROKEN = {
    "Latin-1": (b"caf\xe9", ["caf", "\ufffd"]),
    "a cut character": (b"ok \xf0\x9f\x98", ["ok", "\ufffd"]),
    "nothing but noise": (b"\xff\xfe", ["\ufffd", "\ufffd"]),
}


def tokens_of(*texts):
    rows = tokenize(tf.constant(texts)).to_list()
    return [[token.decode() for token in row] for row in rows]


@pytest.fixture
def vocabulary():
    return Vocabulary(["film", "a", "good", "n't", "😀"])


def ids_of(vocabulary, *texts, **options):
    return vocabulary.token_ids(tf.constant(texts), **options).to_list()


@pytest.mark.parametrize("case", EXAMPLES)
def test_a_text_has_the_tokens_that_a_reader_expects(case):
    text, expected = EXAMPLES[case]
    assert tokens_of(text) == [expected.split()]


@pytest.mark.parametrize("case", BROKEN)
def test_bytes_that_are_not_utf8_become_the_replacement_character(case):
    text, expected = BROKEN[case]
    assert tokens_of(text) == [expected]


def test_a_text_has_the_same_tokens_in_a_batch_as_alone():
    texts, expected = zip(*EXAMPLES.values(), strict=True)
    assert tokens_of(*texts) == [tokens.split() for tokens in expected]


def test_a_nul_byte_separates_tokens_as_other_control_characters_do():
    assert tokens_of("a\x00b c") == [["a", "b", "c"]]


@pytest.mark.parametrize("word", ["démodé", "süß"])
def test_a_quoted_word_is_no_contraction(word):
    assert tokens_of(f"'{word}'") == [["'", word, "'"]]


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_every_text_has_tokens_and_no_token_has_white_space(texts):
    raw = [text.encode("utf-8", "replace") for text in texts]
    rows = tokens_of(*raw)
    assert len(rows) == len(texts)
    assert all(row for row in rows)
    assert all(token and token.split() == [token] for row in rows for token in row)


@given(st.text(max_size=40))
@settings(max_examples=40, deadline=None)
def test_the_tokens_of_a_text_are_their_own_tokens(text):
    (tokens,) = tokens_of(text.encode("utf-8", "replace"))
    if tokens != ["<unk>"]:
        assert tokens_of(" ".join(tokens)) == [tokens]


def test_padding_is_0_and_unknown_is_1(vocabulary):
    assert (PADDING_ID, UNKNOWN_ID) == (0, 1)
    assert vocabulary.tokens[:2] == ["<pad>", "<unk>"]
    assert ids_of(vocabulary, "film zebra") == [[2, 1]]
    padded = vocabulary.token_ids(tf.constant(["a", "a a good"])).to_tensor()
    assert padded.numpy().tolist() == [[3, 0, 0], [3, 3, 4]]


def test_an_id_is_the_place_of_its_token(vocabulary):
    assert ids_of(vocabulary, "A good film isn't 😀") == [[3, 4, 2, 1, 5, 6]]
    assert len(vocabulary) == 7


def test_an_empty_text_is_one_unknown_token(vocabulary):
    assert ids_of(vocabulary, "", "a") == [[1], [3]]


@pytest.mark.parametrize(
    ("max_length", "expected"),
    [(1, [[2], [3]]), (2, [[2, 3], [3]]), (9, [[2, 3, 4], [3]]), (None, None)],
)
def test_tokens_after_max_length_are_left_out(vocabulary, max_length, expected):
    ids = ids_of(vocabulary, "film a good", "a", max_length=max_length)
    assert ids == (expected or [[2, 3, 4], [3]])


def test_an_extended_vocabulary_keeps_its_ids_and_adds_what_it_lacks(vocabulary):
    longer = vocabulary.extended(["zebra", "good", "<unk>", "ant"])
    assert longer.tokens == [*vocabulary.tokens, "zebra", "ant"]
    assert ids_of(longer, "good zebra ant bee") == [[4, 7, 8, 1]]
    assert ids_of(vocabulary, "good zebra") == [[4, 1]]


def test_frequent_tokens_come_first_and_ties_in_alphabetical_order():
    vocabulary = Vocabulary.from_texts(["b a c b", "d b a d", "e"], size=100)
    assert vocabulary.tokens[2:] == ["b", "a", "d", "c", "e"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"size": 2}, ["b", "a"]),
        ({"size": 100, "min_count": 2}, ["b", "a", "d"]),
        ({"size": 1, "min_count": 2}, ["b"]),
    ],
)
def test_size_and_min_count_limit_the_tokens(options, expected):
    vocabulary = Vocabulary.from_texts(["b a c b", "d b a d"], **options)
    assert vocabulary.tokens[2:] == expected


def test_texts_without_a_token_are_not_counted():
    vocabulary = Vocabulary.from_texts(["", "a", " "], size=100)
    assert vocabulary.tokens == ["<pad>", "<unk>", "a"]


def test_more_texts_than_one_batch_are_all_counted():
    vocabulary = Vocabulary.from_texts(["a"] * 4096 + ["b"] * 3, size=100, min_count=3)
    assert vocabulary.tokens[2:] == ["a", "b"]


def test_texts_are_read_once():
    texts = (text for text in ["b a", "b"])
    assert Vocabulary.from_texts(texts, size=9).tokens[2:] == ["b", "a"]


def test_a_batch_has_a_bound_of_texts_and_of_characters():
    texts = ["aaaa", "b", "c", "d", "eeeeeeeee", "f"]
    batches = list(batches_of_texts(texts, rows=3, size=5))
    assert batches == [["aaaa", "b"], ["c", "d", "eeeeeeeee"], ["f"]]
    assert list(batches_of_texts([])) == []


batches_of_tokens = st.lists(st.lists(st.sampled_from("abcdefghijklmnop"), max_size=9))


@given(batches_of_tokens, st.integers(0, 20), st.integers(1, 3))
def test_counts_are_exact_as_long_as_there_is_room(batches, size, min_count):
    counts, true = TokenCounts(limit=16), Counter()
    for batch in batches:
        counts.update(token.encode() for token in batch)
        true.update(batch)
    ordered = sorted(true.items(), key=lambda item: (-item[1], item[0]))
    expected = [t for t, n in ordered if n >= min_count and t != "c"]
    assert counts.most_frequent(size, min_count, without=("c",)) == expected[:size]
    assert counts.missed == 0


@given(batches_of_tokens, st.integers(1, 15))
def test_counts_are_as_good_as_promised_when_tokens_were_dropped(batches, limit):
    counts, true = TokenCounts(limit), Counter()
    for batch in batches:
        counts.update(batch)
        true.update(batch)
        assert len(counts.counts) <= limit
    for token, n in true.items():
        if token in counts.counts:
            assert n <= counts.counts[token] <= n + counts.missed
        else:
            assert n <= counts.missed
    assert counts.missed * limit < 2 * true.total() or not counts.missed


def test_the_rarest_tokens_are_dropped(monkeypatch):
    monkeypatch.setattr(vocabulary_module, "COUNTED", 4)
    texts = ["good good good film film"] * 5000 + [f"rare{n}" for n in range(9)]
    vocabulary = Vocabulary.from_texts(texts, size=2)
    assert vocabulary.tokens[2:] == ["good", "film"]


words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=8
)


@given(
    st.lists(words, unique=True, min_size=1, max_size=9), st.lists(words, max_size=9)
)
@settings(max_examples=30, deadline=None)
def test_a_saved_vocabulary_loads_with_the_same_ids(tmp_path_factory, known, texts):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    vocabulary = Vocabulary(known)
    vocabulary.save(path)
    loaded = Vocabulary.load(path)
    assert loaded.tokens == vocabulary.tokens == ["<pad>", "<unk>", *known]
    texts = [*known, *texts]
    ids = ids_of(loaded, *texts)
    assert ids == ids_of(vocabulary, *texts)
    assert all(0 < i < len(loaded) for row in ids for i in row)


def test_a_saved_vocabulary_has_a_line_for_each_id(vocabulary, tmp_path):
    vocabulary.save(tmp_path / "vocabulary.txt")
    lines = (tmp_path / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
    assert lines == ["<pad>", "<unk>", "film", "a", "good", "n't", "😀", ""]


@pytest.mark.parametrize("text", ["", "film\na\n", "<unk>\n<pad>\na\n"])
def test_a_file_that_is_no_vocabulary_is_refused(text, tmp_path):
    path = tmp_path / "vocabulary.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match="not a vocabulary: the first two lines must"):
        Vocabulary.load(path)
