"""Documents and summaries as ids; what is unknown is told apart by its place."""

import json
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.data import reading, spool
from apps.common.data.text import batches_of_texts
from apps.common.data.vocabulary import Vocabulary
from apps.common.portable.patterns import END
from apps.summarization import data as data_module
from apps.summarization.config import DataConfig
from apps.summarization.data import (
    Pairs,
    encode,
    encode_documents,
    first_places,
    load_data,
)

VOCABULARY = Vocabulary([END, "a", "b", "c"])  # 2 end, 3 a, 4 b, 5 c
SIZE = 6


def write(path, *rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_first_places_are_those_of_the_own_document():
    documents = tf.ragged.constant([["x", "y", "x"], [], ["y", "z", "y", "z"]])
    assert first_places(documents).to_list() == [[0, 1, 0], [], [0, 1, 0, 1]]


def test_unknown_tokens_of_a_document_have_ids_of_their_own():
    documents = tf.constant(["a zeb b Zeb yak", "yak c", ""])
    tokens, ids, copy_ids = encode_documents(documents, VOCABULARY, 10)
    assert tokens.to_list()[0] == [b"a", b"zeb", b"b", b"zeb", b"yak"]
    assert ids.to_list() == [[3, 1, 4, 1, 1], [1, 5], [1]]
    assert copy_ids.to_list() == [
        [3, SIZE + 1, 4, SIZE + 1, SIZE + 4],
        [SIZE, 5],
        [SIZE],
    ]


def test_a_summary_copies_unknown_tokens_of_its_own_document():
    documents = ["a zeb b Zeb yak", "yak c", "\u200b"]
    summaries = ["yak zeb a gnu", "zeb yak", "\x01 \u200b"]
    columns = encode(Pairs(documents, summaries), VOCABULARY, DataConfig())
    assert [row.tolist() for row in columns["targets"]] == [
        [SIZE + 4, SIZE + 1, 3, 1, 2],
        [1, SIZE, 2],
        [SIZE, 2],  # both are <unk>
    ]


words = st.lists(st.sampled_from(["a", "b", "c", "zeb", "Yak", "gnu's", "é", "\x01"]))


@given(st.lists(words.map(" ".join), min_size=1), st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_documents_have_the_ids_of_the_graph(documents, most):
    config = DataConfig(document_tokens=most)
    columns = encode(Pairs(documents, documents), VOCABULARY, config)
    _, ids, copy_ids = encode_documents(tf.constant(documents), VOCABULARY, most)
    assert [row.tolist() for row in columns["token_ids"]] == ids.to_list()
    assert [row.tolist() for row in columns["copy_ids"]] == copy_ids.to_list()


def test_more_unknown_tokens_than_are_kept_are_copied_alike(columns, monkeypatch):
    documents = [f"a {'b ' * (n % 30)}zeb{n}" for n in range(50)]
    summaries = [f"c zeb{n} " * (1 + n // 10) for n in range(50)]
    for module in (data_module, reading):
        monkeypatch.setattr(module, "KEPT", 3)
    monkeypatch.setattr(
        data_module, "batches_of_texts", partial(batches_of_texts, rows=4)
    )
    config = DataConfig(document_tokens=24, summary_tokens=9)
    found = encode(Pairs(documents, summaries), VOCABULARY, config)
    for name, rows in found.items():
        for row, expected in zip(rows, columns[name], strict=True):
            np.testing.assert_array_equal(row, expected)


def test_of_a_document_the_first_tokens_are_read():
    tokens, ids, copy_ids = encode_documents(
        tf.constant(["a b c " * 50_000]), VOCABULARY, 4
    )
    assert ids.to_list() == copy_ids.to_list() == [[3, 4, 5, 3]]
    assert tokens.shape[0] == 1


@pytest.fixture
def columns():
    documents = [f"a {'b ' * (n % 30)}zeb{n}" for n in range(50)]
    pairs = Pairs(documents, [f"c zeb{n} " * (1 + n // 10) for n in range(50)])
    config = DataConfig(document_tokens=24, summary_tokens=9)
    return encode(pairs, VOCABULARY, config)


def test_a_summary_has_its_end_and_copies_what_is_unknown(columns):
    rows = [
        tuple(map(np.ndarray.tolist, row))
        for row in zip(*columns.values(), strict=True)
    ]
    assert len(rows) == 50
    assert ([3, 1], [3, SIZE + 1], [5, SIZE + 1, 2]) in rows
    assert max(len(targets) for *_, targets in rows) == 10
    assert max(len(ids) for ids, *_ in rows) == 24
    assert all(targets[-1] == 2 for *_, targets in rows)
    cut_off = [targets for ids, _, targets in rows if 1 not in ids]
    assert cut_off
    assert all(1 in targets for targets in cut_off)


def test_what_goes_to_a_file_is_the_same(columns, monkeypatch):
    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    documents = [f"a {'b ' * (n % 30)}zeb{n}" for n in range(50)]
    summaries = [f"c zeb{n} " * (1 + n // 10) for n in range(50)]
    pairs = Pairs(spool.Spool(str, documents), spool.Spool(str, summaries))
    config = DataConfig(document_tokens=24, summary_tokens=9)
    for name, rows in encode(pairs, VOCABULARY, config).items():
        assert rows.written
        for row, expected in zip(rows, columns[name], strict=True):
            np.testing.assert_array_equal(row, expected)


def test_ids_fit_the_model(columns):
    for ids, copies, targets in zip(*columns.values(), strict=True):
        assert ids.max() < SIZE
        assert max(copies.max(), targets.max()) < SIZE + len(ids)
        assert ids.dtype == copies.dtype == targets.dtype == "int32"


def test_wikipedia_gives_paragraphs_and_descriptions(wikipedia):
    data = load_data(DataConfig(min_count=1))
    described = [a for a in wikipedia if a["description"]]
    splits = (data.train, data.validation, data.test)
    documents = [text for split in splits for text in split.documents]
    assert sorted(documents) == sorted(a["extract"] for a in described)
    assert data.train.summaries[0].startswith("wiki text ")
    assert data.vocabulary.tokens[:3] == ["<pad>", "<unk>", END]


def test_a_file_of_ones_own_is_split_and_nothing_is_lost(documents_file):
    data = load_data(DataConfig(dataset="files", file=str(documents_file)))
    counts = [len(s.documents) for s in (data.train, data.validation, data.test)]
    assert sum(counts) == 300
    assert min(counts) > 10


def test_a_folder_has_its_own_splits(tmp_path):
    for split in ("train", "validation", "test"):
        write(tmp_path / f"{split}.jsonl", {"document": f"a {split}", "summary": "b"})
    config = DataConfig(dataset="files", file=str(tmp_path), min_count=1)
    data = load_data(config)
    assert list(data.validation.documents) == ["a validation"]
    assert list(data.test.documents) == ["a test"]
    assert "test" not in data.vocabulary.tokens


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"document": "a"}], r":1: no 'summary'.*data\.summary_column=\.\.\."),
        ([{"document": "a", "summary": ""}], ":1: 'summary' is empty"),
        ([{"text": "a", "summary": "b"}], ":1: no 'document'.*The columns are: text"),
        (
            [*[{"document": "a", "summary": "b"}] * 1233, {"document": "a"}],
            ":1234: 'summary' has no value",
        ),
        ([{"document": " ", "summary": "b"}], ":1: 'document' is empty"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, rows, message):
    write(tmp_path / "train.jsonl", *rows)
    config = DataConfig(dataset="files", file=str(tmp_path))
    with pytest.raises(ValueError, match=message):
        load_data(config, ("train",))


def test_a_file_has_to_be_named():
    with pytest.raises(ValueError, match=r"data\.file: expected a JSON Lines, CSV"):
        load_data(DataConfig(dataset="files"))


@pytest.mark.parametrize("dataset", ["aeslc", "cnn_dailymail", "gigaword"])
def test_published_sets_are_read_by_their_own_names(dataset, monkeypatch):
    names = {
        "aeslc": ("email_body", "subject_line"),
        "cnn_dailymail": ("article", "highlights"),
        "gigaword": ("document", "summary"),
    }[dataset]
    asked = []

    def load(name, split):
        asked.append((name, split))
        columns = {names[0]: ["Some text.\n", " "], names[1]: [f"{split}\n", "b"]}
        return tf.data.Dataset.from_tensor_slices(columns)

    monkeypatch.setattr(data_module, "load_dataset", load)
    data = load_data(DataConfig(dataset=dataset, min_count=1))
    assert list(data.test.summaries) == ["test\n"]
    assert list(data.test.documents) == ["Some text.\n"]
    assert asked == [(dataset, s) for s in ("train", "validation", "test")]


def test_faulty_pairs_are_left_out_and_listed_once(make_documents, tmp_path, capsys):
    rows = [{"document": d, "summary": s} for d, s in make_documents(200)]
    bad = [{"document": "a"}, {"document": " ", "summary": "b"}]
    path = write(tmp_path / "a.jsonl", *rows, *bad)
    data = load_data(DataConfig(dataset="files", file=str(path), skip_bad_rows=True))
    splits = (data.train, data.validation, data.test)
    assert sum(len(split.documents) for split in splits) == 200
    assert capsys.readouterr().err.splitlines() == [
        f"{path}: left out 2 of 202 rows:",
        f"  {path}:201: 'summary' has no value.",
        f"  {path}:202: 'document' is empty.",
    ]


def test_documents_are_read_in_their_encoding_and_with_their_separator(tmp_path):
    path = tmp_path / "a.csv"
    lines = [f"Un café, numéro {n}.|Café {n}" for n in range(100)]
    path.write_bytes("\n".join(["document|summary", *lines]).encode("cp1252"))
    options = {"dataset": "files", "file": str(path), "separator": "|"}
    with pytest.raises(
        ValueError, match=r"looks like cp1252\. Set data\.encoding=cp12"
    ):
        load_data(DataConfig(**options))
    data = load_data(DataConfig(encoding="cp1252", **options))
    assert "Café" in data.train.summaries[0]
