"""The published sets: how each is read, labelled and split."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from apps.common.data import movie_snippets
from apps.common.data.splits import text_hash
from apps.common.data.vectors import frequent_words
from apps.sentiment import data
from apps.sentiment.config import DataConfig
from apps.sentiment.data import load_data, split_of

NAMES = np.array(["negative", "positive"])


class Publisher:
    """Stands where `load_dataset` stands; notes which splits it was asked for."""

    def __init__(self, key, **splits):
        self.key, self.splits, self.asked = key, splits, []

    def __call__(self, name, split):
        self.asked.append((name, split))
        texts, labels = zip(*self.splits[split], strict=True)
        return tf.data.Dataset.from_tensor_slices(
            {self.key: list(texts), "label": list(labels), "idx": range(len(texts))}
        )


@pytest.fixture
def publish(monkeypatch):
    def stand_in(key, **splits):
        publisher = Publisher(key, **splits)
        monkeypatch.setattr(data, "load_dataset", publisher)
        return publisher

    return stand_in


@pytest.fixture
def read():
    """Reads `(text, label)` pairs of one split of a set."""

    def read_rows(dataset, split):
        loaded = load_data(DataConfig(dataset=dataset), (split,), list(NAMES))
        examples = getattr(loaded, split)
        texts = [text.decode() for text in examples.texts]
        return list(zip(texts, NAMES[examples.labels].tolist(), strict=True))

    return read_rows


@pytest.fixture
def films():
    return [(f"film number {n}", n % 2) for n in range(60)]


@pytest.mark.parametrize(
    ("text", "digest", "split"),
    [
        ("film number 5", "d29eaa8c8befec90acfc1e8ec7d21fbe2ff87b00", "test"),
        ("film number 2", "3b00caf04b5cedab430c85269eb56d7b8582f6cd", "validation"),
        ("a good film", "295b920af5a35f532a49200eed01cd1d3a0c65d8", "train"),
    ],
)
def test_a_text_belongs_to_the_split_that_its_sha1_says(text, digest, split):
    assert text_hash(text, 16**40) == int(digest, 16)
    remainder = {"test": (0,), "validation": (1,), "train": range(2, 10)}[split]
    assert int(digest, 16) % 10 in remainder
    assert split_of(text) == split


@pytest.mark.parametrize(
    "text",
    ["Film Number 5", "  film  number 5 ", "FILM\tnumber\n5", "film number\u00a05"],
)
def test_case_and_white_space_do_not_change_the_split(text):
    assert text_hash(text, 10**6) == text_hash("film number 5", 10**6)


@given(st.text(st.characters(codec="utf-8")), st.integers(1, 10**6))
def test_a_hash_is_below_its_modulus(text, modulo):
    assert 0 <= text_hash(text, modulo) < modulo


def test_about_a_tenth_is_held_out_for_each_purpose():
    splits = [split_of(f"text {n}") for n in range(3000)]
    for split in ("test", "validation"):
        assert splits.count(split) == pytest.approx(300, rel=0.15)


@pytest.mark.parametrize(
    ("rating", "label"),
    [
        ("3.9", "positive"),
        ("0.31", "positive"),
        ("0.3", None),
        ("0", None),
        ("-0.3", None),
        ("-0.31", "negative"),
        ("-3.9", "negative"),
    ],
)
def test_a_snippet_has_the_sign_of_its_rating_unless_that_is_near_zero(
    rating, label, read, write_snippets, tmp_path, monkeypatch
):
    lines = [f"1_1\t{rating}\tfilm number 5", "1_2\t1.5\tfilm number 20"]
    archive = write_snippets(tmp_path / "vader.tar.gz", lines)
    monkeypatch.setattr(movie_snippets, "fetch", lambda name: archive)
    expected = [("film number 5", label)] if label else []
    assert read("movie_snippets", "test") == [
        *expected,
        ("film number 20", "positive"),
    ]


def test_each_snippet_is_in_one_split(
    read, films, write_snippets, tmp_path, monkeypatch
):
    lines = [f"{n}_1\t{4 * y - 2}\t{x}" for n, (x, y) in enumerate(films)]
    archive = write_snippets(tmp_path / "vader.tar.gz", lines)
    monkeypatch.setattr(movie_snippets, "fetch", lambda name: archive)
    rows_of = {split: read("movie_snippets", split) for split in data.SPLITS}
    every = [row for rows in rows_of.values() for row in rows]
    assert sorted(every) == sorted((x, NAMES[y]) for x, y in films)
    for split, rows in rows_of.items():
        assert all(split_of(text) == split for text, _ in rows)


def test_imdb_is_validated_on_a_part_of_its_training_reviews(publish, films, read):
    publish("text", train=films, test=[("never seen", 1)])
    held_out, rest = read("imdb_reviews", "validation"), read("imdb_reviews", "train")
    assert sorted(held_out + rest) == sorted((x, NAMES[y]) for x, y in films)
    assert [x for x, _ in held_out] == [x for x, _ in films if text_hash(x, 10) == 1]


def test_imdb_is_measured_on_its_test_reviews(publish, films, read):
    publish("text", train=films, test=[("never seen", 1), ("nor this", 0)])
    expected = [("never seen", "positive"), ("nor this", "negative")]
    assert read("imdb_reviews", "test") == expected


@pytest.mark.parametrize(
    ("dataset", "key", "reported"),
    [("imdb_reviews", "text", "test"), ("sst2", "sentence", "validation")],
)
def test_training_never_looks_at_the_reported_split(
    dataset, key, reported, publish, films
):
    publisher = publish(key, train=films)
    loaded = load_data(DataConfig(dataset=dataset), ("train", "validation"))
    assert loaded.test is None
    assert {split for _, split in publisher.asked} == {"train"}
    publisher.splits[reported] = films
    load_data(DataConfig(dataset=dataset), ("test",), loaded.labels)
    assert publisher.asked[-1][1] == reported


def test_bytes_of_a_published_review_that_are_not_utf8_are_read(publish, read):
    publish("text", test=[(b"caf\xe9", 1)])
    assert read("imdb_reviews", "test") == [("caf\ufffd", "positive")]


@pytest.fixture
def treebank():
    """`(sentences, rows)`: 80 sentences of 4 to 8 words, and all of their phrases.

    As in SST-2, a phrase may have a space at its end and stand in several sentences.
    """
    generator = np.random.default_rng(2013)
    words = ["a", "b", "c", "d", "e", "f", "g", "h"]
    sentences = sorted(
        {" ".join(generator.choice(words, generator.integers(4, 9))) for _ in range(80)}
    )
    rows = []
    for sentence in sentences:
        words = sentence.split()
        for start in range(len(words)):
            for end in range(start + 1, len(words) + 1):
                rows.append((" ".join(words[start:end]) + " ", len(rows) % 2))
    return sentences, rows


def inside(phrase, sentence):
    return f" {' '.join(phrase.split())} " in f" {sentence} "


@pytest.fixture
def sst2(treebank, publish, read):
    """Held-out and training texts, and the sentences that are held out."""
    sentences, rows = treebank
    publish("sentence", train=rows)
    whole = [
        s for s in sentences if not any(s != t and inside(s, t) for t in sentences)
    ]
    held_out = [s for s in whole if text_hash(s, 20) == 1]
    assert 0 < len(held_out) < len(whole)
    validation, train = (
        [text for text, _ in read("sst2", split)] for split in ("validation", "train")
    )
    return validation, train, held_out


def test_sst2_holds_out_whole_sentences(sst2):
    validation, _, held_out = sst2
    long = {" ".join(text.split()) for text in validation if len(text.split()) > 2}
    assert long == set(held_out)


def test_no_training_phrase_of_three_words_stands_inside_a_held_out_sentence(sst2):
    validation, train, held_out = sst2
    long = [text for text in train if len(text.split()) >= 3]
    assert long
    assert not any(inside(text, sentence) for text in long for sentence in held_out)
    assert not set(long) & set(validation)


def test_every_other_phrase_of_sst2_is_trained_on(sst2, treebank):
    _, train, held_out = sst2
    kept = [
        text
        for text, _ in treebank[1]
        if len(text.split()) >= 3 and not any(inside(text, s) for s in held_out)
    ]
    assert [text for text in train if len(text.split()) >= 3] == kept


def test_a_phrase_that_stands_inside_a_sentence_is_not_held_out_by_itself(sst2):
    validation, _, held_out = sst2
    assert {" ".join(text.split()) for text in validation} == set(held_out)


def test_sst2_is_measured_on_its_published_validation_sentences(publish, read):
    publish("sentence", validation=[("good ", 1), ("bad ", 0)])
    assert read("sst2", "test") == [("good ", "positive"), ("bad ", "negative")]


def test_labels_and_vocabulary_are_those_of_the_training_texts(publish):
    films = [(f"film number {n}", n % 2) for n in range(30)]
    publish("text", train=films, test=[("unseen words", 1)])
    loaded = load_data(DataConfig(dataset="imdb_reviews"))
    assert loaded.labels == ["negative", "positive"]
    held_out = {w for x in loaded.validation.texts for w in x.decode().split()}
    trained = {w for x in loaded.train.texts for w in x.decode().split()}
    assert set(loaded.vocabulary.tokens[2:]) == trained
    assert "unseen" not in trained
    assert held_out - trained


def test_words_with_vectors_get_ids_after_those_of_the_training_texts(packages):
    config = DataConfig(vectors="glove_6b_50d", vector_words=5)
    loaded = load_data(config, ("train",))
    alone = load_data(DataConfig(), ("train",))
    assert alone.trained_tokens == loaded.trained_tokens == len(alone.vocabulary)
    tokens = loaded.vocabulary.tokens
    assert len(tokens) > loaded.trained_tokens  # some are in no training text
    assert tokens[: loaded.trained_tokens] == alone.vocabulary.tokens
    assert set(frequent_words(5)) <= set(tokens)
