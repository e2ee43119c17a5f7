"""Ids of tokens without Keras: those of the vocabulary that a run trained with."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.data.vocabulary import Vocabulary
from apps.common.portable.vocabulary import TokenIds
from apps.question_answering.data import text_ids

words = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1)


@given(st.lists(words, unique=True, min_size=1), st.lists(words | st.just("")))
@settings(max_examples=40, deadline=None)
def test_a_token_has_the_id_that_it_has_in_training(tmp_path_factory, known, tokens):
    known = [token.replace("\x00", "0") for token in known if token != "<unk>"] or ["a"]
    vocabulary = Vocabulary(dict.fromkeys(known))
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    vocabulary.save(path)
    loaded = TokenIds.load(path)
    tokens = [*known, *tokens, "<unk>", "<pad>"]
    assert loaded.tokens == vocabulary.tokens
    assert len(loaded) == len(vocabulary)
    encoded = [token.encode() for token in tokens]
    assert loaded.ids(tokens) == vocabulary.lookup(encoded).numpy().tolist()


def test_a_carriage_return_is_a_token_like_others(tmp_path):
    path = tmp_path / "vocabulary.txt"
    Vocabulary(["a", "\r", "b"]).save(path)
    assert TokenIds.load(path).ids(["\r", "b", "\n"]) == [3, 4, 1]
    assert Vocabulary.load(path).tokens == ["<pad>", "<unk>", "a", "\r", "b"]


def test_unknown_tokens_of_a_question_are_equal_where_the_graph_has_them_equal():
    texts = ["ant bee ant <unk> film", "cat bee", ""]
    vocabulary, others = Vocabulary(["film", "a"], rules=1), {}
    ids, tokens, *_ = text_ids(texts, vocabulary)
    expected = ids.flat_values.numpy().tolist()
    found = []
    for row in tokens.to_list():
        row = [token.decode() for token in row]
        found += TokenIds(vocabulary.tokens).distinct_ids(row, others)
    assert [n for n in expected if n < 4] == [n for n in found if n < 4]
    for one, other in zip(expected, found, strict=True):
        assert [n == one for n in expected] == [n == other for n in found]


@pytest.mark.parametrize("load", [Vocabulary.load, TokenIds.load])
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", ": not a vocabulary: the first two lines must be <pad> and <unk>"),
        (b"film\na\n", ": not a vocabulary: the first two lines must be <pad> and"),
        (b"<pad>\r\n<unk>\r\n", ": not a vocabulary: the first two lines must be"),
        (b"<pad>\n<unk>\na\nb\na\n", ":5: not a vocabulary: the token 'a' is empty or"),
        (b"<pad>\n<unk>\n\nb\n", ":3: not a vocabulary: the token '' is empty or"),
        (b"<pad>\n<unk>\na\xc3", ": not a vocabulary: byte 13 is not UTF-8"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused(load, content, fault, tmp_path):
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a vocabulary") as error:
        load(path)
    assert str(error.value).startswith(f"{path}{fault}")
