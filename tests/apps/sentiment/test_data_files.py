"""The user's own file: what is read, and what is refused in which words."""

import json

import numpy as np
import pytest

from apps.common.data import spool
from apps.sentiment.data import BUCKETS, batches_of, encode, load_data, split_of
from tests.apps.sentiment.own_files import config, pairs, refusal

LABELS = ("negative", "positive")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
@pytest.mark.parametrize("labels", [LABELS, ("bad", "fine", "good")])
def test_each_format_gives_every_row_once(name, labels, write_rows, make_reviews):
    rows = make_reviews(100, labels)
    data = load_data(config(write_rows(name, rows)))
    assert data.labels == sorted(labels)
    for split in ("train", "validation", "test"):
        assert pairs(data, split) == [row for row in rows if split_of(row[0]) == split]


def test_the_columns_may_have_other_names(write_rows, make_reviews):
    path = write_rows("a.csv", make_reviews(60), "review", "stars")
    data = load_data(config(path, text_column="review", label_column="stars"))
    assert data.labels == ["negative", "positive"]


def test_a_test_file_is_the_reported_split(write_rows, make_reviews):
    rows, tests = make_reviews(100), make_reviews(110)[100:]
    options = {"test_file": str(write_rows("test.tsv", tests))}
    data = load_data(config(write_rows("a.csv", rows), **options))
    assert pairs(data, "test") == tests
    assert sorted(pairs(data, "train") + pairs(data, "validation")) == sorted(rows)
    assert all(split_of(x) == "validation" for x, _ in pairs(data, "validation"))


def test_a_quoted_field_may_have_commas_quotes_and_lines(write, make_reviews):
    rows = [('Great, "really".\nSee it.', "positive"), ("", "negative")]
    text = 'label,text\npositive,"Great, ""really"".\nSee it."\nnegative,\n'
    path = write("test.csv", text)
    data = load_data(config("-", test_file=str(path)), ("test",), list(LABELS))
    assert pairs(data, "test") == rows


def test_a_file_of_windows_is_read(write):
    path = write("test.csv", b"\xef\xbb\xbftext,label\r\nA joy.,positive\r\n")
    data = load_data(config("-", test_file=str(path)), ("test",), list(LABELS))
    assert pairs(data, "test") == [("A joy.", "positive")]


def test_numbers_of_json_are_labels(write):
    lines = [json.dumps({"text": f"film {n}", "label": n % 2}) for n in range(60)]
    data = load_data(config(write("a.jsonl", "\n\n".join(lines))))
    assert data.labels == ["0", "1"]


BAD_FILES = {
    "empty.csv": ("", "{path}: no records. Give at least one line with a text and"),
    "cut.csv": (
        'text,label\nA joy.,good\n"A bore, and long,',
        "{path}:3: unterminated quoted field: the quote opened here is never closed.",
    ),
    "quote.csv": (
        'text,label\n"Two\nlines",good\n"A bore,bad\nA joy.,good\nMore.,good\n',
        "{path}:4: unterminated quoted field: the quote opened here is never closed.",
    ),
    "quote.tsv": (
        'text\tlabel\n"A bore\nbad\nA joy.\tgood\n',
        "{path}:2: expected 2 fields, as in the header. Received 1, and a quote that",
    ),
    "pairs.csv": (
        'text,label\nA joy.,good\n"A bore,bad\n"Dull,bad\n',
        "{path}:3: a quote stands alone in a quoted field. Write it twice, or remove",
    ),
    "twice.csv": (
        "text,text,label\nA joy.,,good\n",
        "{path}:1: 2 columns are named 'text'. Rename all but one.",
    ),
    "twice.tsv": ("label\ttext\tlabel\n", "{path}:1: 2 columns are named 'label'."),
    "nan.jsonl": ('{"text": NaN, "label": "b"}', "{path}:1: not JSON: NaN is not JSON"),
    "list.jsonl": (
        '{"text": ["a", "b"], "label": "c"}',
        "{path}:1: 'text' is not a text: ['a', 'b']. Correct it or delete",
    ),
    "object.jsonl": (
        '{"text": "a", "label": {"b": 1}}',
        "{path}:1: 'label' is not a text: {{'b': 1}}.",
    ),
    "cut.jsonl": (
        '{"text": "a", "label": "b"}\n{"text": "a", "la',
        "{path}:2: not JSO",
    ),
    "empty.jsonl": ("\n\n", "{path}: no records. Give at least one line with"),
    "header.csv": ("text,label\n", "{path}: no records. Give at least one line with"),
    "column.csv": (
        "review,label\nA joy.,good\n",
        "{path}:1: no 'text'. The columns are: review, label. Set "
        "data.text_column=... and data.label_column=...",
    ),
    "columns.tsv": (
        "review\tstars\nA joy.\t5\n",
        "{path}:1: no 'text' and no 'label'. The columns are: review, stars.",
    ),
    "colons.csv": (
        "text:label\nA, joy.:good\n",
        "_column=..., or data.separator=",
    ),
    "label.csv": ("text,label\nA joy.,good\nA bore.,\n", "{path}:3: 'label' is empty."),
    "short.csv": ("text,label\nA joy.\n", "{path}:2: 'label' has no value."),
    "key.jsonl": ('{"text": "A joy."}\n', "{path}:1: no 'label'."),
    "latin.csv": (
        b"text,label\nA joy.,good\ncaf\xe9,good\n",
        "{path}:3: not UTF-8. It looks like cp1252. Set data.encoding=cp1252.",
    ),
    "latin.jsonl": (b'\n\n{"text": "caf\xe9"}', "{path}:3: not UTF-8."),
    "utf16.csv": (
        "text,label\n".encode("utf-16"),
        "{path}:1: not UTF-8. It looks like UTF-16. Set data.encoding=utf-16.",
    ),
    "broken.jsonl": ('{"text": "a", "label": "b"}\n{"text"\n', "{path}:2: not JSON: "),
    "array.json": ('[{"text": "a"}]', "{path}:1: expected one JSON object per line."),
    "number.jsonl": ("7\n", "{path}:1: expected one JSON object per line."),
    "reviews.xlsx": ("PK", "{path}: expected a file name that ends in .csv, .tsv or"),
    "reviews": ("text,label\n", "{path}: expected a file name that ends in .csv, "),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_in_one_line_that_names_it(name, write):
    content, expected = BAD_FILES[name]
    path = write(name, content)
    assert expected.format(path=path) in refusal(path)


def test_a_missing_file_is_refused(tmp_path):
    path = tmp_path / "none.csv"
    assert refusal(path) == f"{path}: there is no such file."


def test_a_directory_is_refused(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path}: expected a file. Received: a directory."


def test_no_file_at_all_is_refused():
    expected = "data.file: expected the path of a CSV, TSV or JSON Lines file."
    assert refusal("") == expected


def test_one_label_only_is_refused(write_rows, make_reviews):
    path = write_rows("a.csv", [(text, "good") for text, _ in make_reviews(100)])
    assert refusal(path) == (
        "data.dataset=files: expected at least two labels in the training split. "
        "Received only 'good'."
    )


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_too_few_rows_to_split_are_refused(split, write_rows, make_reviews):
    rows = [row for row in make_reviews(100) if split_of(row[0]) != split]
    message = refusal(write_rows("a.csv", rows), (split,), list(LABELS))
    assert message.startswith(f"data.dataset=files: the {split} split is empty")
    assert "Give at least about 100." in message


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_label_unknown_to_training_is_refused(split, write_rows, make_reviews):
    rows = make_reviews(100)
    odd = next(n for n, (text, _) in enumerate(rows) if split_of(text) == split)
    rows[odd] = (rows[odd][0], "meh")
    path = write_rows("a.csv", rows)
    assert refusal(path, ("train", split)) == (
        f"{path}: the label 'meh' of a row of the {split} split does not occur in the "
        "training split, which has negative, positive. Correct it or delete it, or set "
        "data.skip_bad_rows=true."
    )


def test_a_test_file_with_an_unknown_label_is_refused(write_rows):
    path = write_rows("test.csv", [("A joy.", "good")])
    message = refusal("-", ("test",), list(LABELS), test_file=str(path))
    assert message.startswith(f"{path}: the label 'good' of a row of the test split")


def test_a_test_file_that_is_not_there_is_refused(write_rows, make_reviews, tmp_path):
    missing = tmp_path / "test.csv"
    message = refusal("-", ("test",), list(LABELS), test_file=str(missing))
    assert message == f"{missing}: there is no such file."


def test_long_empty_and_emoji_texts_are_examples_like_others(write_rows, make_reviews):
    odd = [("word " * 100_000, "positive"), ("", "negative"), ("😀👍", "positive")]
    rows, path = make_reviews(60), write_rows("test.csv", odd)
    data = load_data(config(write_rows("a.csv", rows), test_file=str(path)))
    assert pairs(data, "test") == odd
    columns = encode(data.test, data.vocabulary, max_length=20)
    batches = batches_of(columns, batch_size=2, max_length=20).in_order()
    shapes = sorted(tuple(batch["token_ids"].shape) for batch in batches)
    assert shapes == [(2, BUCKETS[0]), (2, 20)]


def test_half_an_emoji_in_json_is_read(write):
    line = '{"text": "cut \\ud83d %d", "label": "%s"}\n'
    path = write("a.jsonl", "".join(line % (n, LABELS[n % 2]) for n in range(100)))
    assert load_data(config(path)).labels == list(LABELS)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", '{"text": null, "label": "good"}'), ("a.csv", "label,text\ngood\n")],
)
def test_a_row_without_a_text_is_refused(name, content, write):
    assert "'text' has no value. Correct it or delete it" in refusal(
        write(name, content)
    )


def test_a_row_with_more_fields_than_the_header_is_refused(write):
    rows = "".join(f"Great {n}, really,good\n" for n in range(60))
    assert ":2: " in refusal(write("a.csv", f"text,label\n{rows}"), ("train",))


def test_json_that_is_nested_too_deeply_is_refused(write):
    assert ":1: not JSON" in refusal(write("a.jsonl", "[" * 100_000))


def test_white_space_in_a_label_is_one_space(write_rows, make_reviews):
    rows = [(text, f" my\n{label} ") for text, label in make_reviews(100)]
    data = load_data(config(write_rows("a.csv", rows)))
    assert data.labels == ["my negative", "my positive"]


@pytest.mark.parametrize("in_memory", [0, 2**20])
def test_token_ids_are_those_of_the_vocabulary(
    in_memory, write_rows, make_reviews, monkeypatch
):
    monkeypatch.setattr(spool, "IN_MEMORY", in_memory)
    rows = [*make_reviews(100), ("", "negative")]
    data = load_data(config(write_rows("a.csv", rows)), ("train",))
    assert pairs(data, "train") == [row for row in rows if split_of(row[0]) == "train"]
    columns = encode(data.train, data.vocabulary, 7)
    expected = data.vocabulary.token_ids(data.train.texts[:], 7).to_list()
    assert [row.tolist() for row in columns["token_ids"]] == expected
    np.testing.assert_array_equal(columns["labels"], data.train.labels)
    assert columns["token_ids"][0].dtype == columns["labels"].dtype == "int32"
