"""Tokens and where they stand; questions as ids; batches in few shapes."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.data.text import encoded
from apps.common.data.vocabulary import Vocabulary
from apps.question_answering.config import DataConfig
from apps.question_answering.data import (
    batches_of,
    encode,
    load_data,
    story_ids,
    text_ids,
)
from apps.question_answering.sources import Passage
from apps.question_answering.stories import Story, context_of
from apps.question_answering.tokens import cut, located_tokens

VOCABULARY = Vocabulary(["mary", "is", "here", "went"])  # 2, 3, 4, 5


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=40))
def test_by_the_first_rules_tokens_are_cut_from_where_they_stand(text):
    texts = encoded([text])
    clean = texts[0].numpy().decode()
    words, starts, ends = (x.to_list()[0] for x in located_tokens(texts, rules=1))
    for word, start, end in zip(words, starts, ends, strict=True):
        span = cut(texts, tf.constant([start]), tf.constant([end]))[0].numpy()
        assert span.decode() == clean[start:end]
        lower = tf.strings.lower(span, encoding="utf-8").numpy()
        assert (lower or b"<unk>") == word
    assert starts == sorted(starts)


def test_by_the_first_rules_each_mark_is_a_token():
    texts = encoded(["It isn't (Zürich's) 3.5", ""])
    words, starts, ends = located_tokens(texts, rules=1)
    assert [w.decode() for w in words.to_list()[0]] == [
        *("it", "isn", "'", "t", "(", "zürich", "'", "s", ")", "3", ".", "5")
    ]
    assert starts.to_list()[0][:5] == [0, 3, 6, 7, 9]
    assert ends.to_list()[0][5] == 16
    assert [part.to_list()[1] for part in (words, starts, ends)] == [
        [b"<unk>"],
        [0],
        [0],
    ]


def test_a_text_without_tokens_has_an_unknown_one():
    ids, _, starts, ends = text_ids(encoded(["Mary is  gone", "", " \n"]), VOCABULARY)
    ((mary, is_, gone), *others) = ids.to_list()
    assert (mary, is_, others) == (2, 3, [[1], [1]])
    assert gone >= len(VOCABULARY)
    assert starts.to_list() == [[0, 5, 9], [0], [0]]
    assert ends.to_list() == [[4, 7, 13], [0], [0]]


def test_a_story_is_its_last_sentences():
    contexts = encoded(["Mary is here. Mary went!  \n\nhere?", "", "..."])
    ids, sentences = story_ids(contexts, VOCABULARY, 10)
    assert sentences.to_list()[0] == [b"Mary is here", b"Mary went", b"here"]
    assert ids.to_list() == [[[2, 3, 4], [2, 5], [4]], [[1]], [[1]]]
    assert story_ids(contexts, VOCABULARY, 2)[0].to_list()[0] == [[2, 5], [4]]


def test_an_unknown_token_can_be_told_again():
    ids, *_ = text_ids(encoded(["gone mary gone away"]), VOCABULARY)
    first, _, again, other = ids.to_list()[0]
    assert first == again != other


def test_a_story_has_the_same_ids_in_training_and_in_serving(babi_folder):
    config = DataConfig(dataset="babi", directory=str(babi_folder), sentences=2)
    data = load_data(config, ("train", "test"))
    columns = encode(data.test, data.vocabulary, data.labels, config)
    texts = encoded(list(map(context_of, data.test)))
    served, _ = story_ids(texts, data.vocabulary, 2)
    for own, theirs in zip(columns["context"], served, strict=True):
        np.testing.assert_array_equal(own, theirs.to_tensor())
    asked, *_ = text_ids(encoded([s.question for s in data.test]), data.vocabulary)
    for own, theirs in zip(columns["question"], asked, strict=True):
        np.testing.assert_array_equal(own, theirs)


def test_a_sentence_with_full_stops_inside_is_cut_alike_in_training_and_serving():
    sentences = ("Mr. Smith went here", "It is 3.5 km", "at 9 a.m.", "...", "Mary is")
    story = Story(sentences, "where is mary?", "here", "1", ())
    for most in (2, 64):
        config = DataConfig(dataset="stories", sentences=most)
        columns = encode([story], VOCABULARY, ["here"], config)
        served, _ = story_ids(encoded([context_of(story)]), VOCABULARY, most)
        np.testing.assert_array_equal(columns["context"][0], served.to_tensor()[0])


def test_questions_that_are_left_out_are_counted(capsys):
    passages = [
        Passage("mary is here", "where?", (text,), start, str(start))
        for text, start in (("mary", 0), ("here", 8))
    ]
    config = DataConfig(dataset="files", context_tokens=2)
    columns = encode(passages, VOCABULARY, [], config)
    assert len(columns["context"]) == 1
    assert "left out 1 of 2 questions" in capsys.readouterr().err


def test_an_answer_beyond_what_is_read_is_told(articles_folder):
    config = DataConfig(
        dataset="files", directory=str(articles_folder), context_tokens=2
    )
    data = load_data(config, ("train",))
    with pytest.raises(ValueError, match=r"data\.context_tokens: no answer lies"):
        encode(data.train, data.vocabulary, [], config)


def passage(context, answer, start):
    return Passage(context, "Is Mary?", (answer,), start, "1")


def test_the_answer_of_a_passage_is_its_tokens():
    context = "Mary (née Ätna) is 3.5 here."
    rows = [
        passage(context, "Mary", 0),
        passage(context, "née Ätna", 6),
        passage(context, "Ätna) is", 10),
        passage(context, "3", 19),
        passage(context, "here", 23),
        passage(context, "er", 24),  # inside a word: the word
    ]
    config = DataConfig(dataset="files")
    spans = encode(rows, VOCABULARY, [], config)["targets"]
    assert [s.tolist() for s in spans] == [
        *([0, 0], [2, 3], [3, 5], [6, 6], [9, 9], [9, 9])
    ]
    config = DataConfig(dataset="files", context_tokens=7)
    columns = encode(rows, VOCABULARY, [], config)
    assert len(columns["targets"]) == 4
    assert {len(c) for c in columns["context"]} == {7}


@pytest.mark.parametrize(("context_tokens", "count"), [(2, 0), (3, 1), (4, 2), (5, 2)])
def test_an_answer_is_asked_for_if_its_last_token_is_read(context_tokens, count):
    rows = [passage("Mary is not here.", *a) for a in (("not", 8), ("is not here", 5))]
    config = DataConfig(dataset="files", context_tokens=context_tokens)
    rows.append(passage("Mary", "Mary", 0))
    targets = encode(rows, VOCABULARY, [], config)["targets"]
    assert len(targets) == count + 1
    assert max(target[1] for target in targets) < context_tokens


def test_an_unknown_answer_weighs_nothing():
    stories = [Story(("mary is here",), "is mary", a, "t", ()) for a in "ab?b"]
    columns = encode(stories, VOCABULARY, ["a", "b"], DataConfig())
    assert [int(target) for target in columns["targets"]] == [0, 1, 0, 1]
    assert [float(weight) for weight in columns["weights"]] == [1, 1, 0, 1]
    batches = batches_of(columns, batch_size=8)
    (batch,) = batches.in_order().as_numpy_iterator()
    assert batch["context"].shape == (8, 8, 8)
    assert batch["question"].shape == (8, 8)
    assert batch["targets"].shape == (8,)
    np.testing.assert_array_equal(batch["weights"], [1, 1, 0, 1, 0, 0, 0, 0])


def test_words_with_vectors_are_known_after_those_of_the_texts(babi_folder, packages):
    config = DataConfig(
        dataset="babi",
        directory=str(babi_folder),
        vectors="glove_6b_50d",
        vector_words=5,
    )
    data = load_data(config, ("train",))
    assert data.trained_tokens < len(data.vocabulary)
    assert "mary" in data.vocabulary.tokens[: data.trained_tokens]
