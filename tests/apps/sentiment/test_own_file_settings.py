"""Encoding, separator and faulty rows of the user's own file."""

import json

import pytest

from apps.sentiment.data import load_data, split_of
from tests.apps.sentiment.own_files import config, pairs, refusal

LABELS = ("negative", "positive")


ENCODINGS = ("cp1252", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_file_is_read_in_its_encoding(name, encoding, write, make_reviews):
    rows = [(f"Un café à Zürich. {text}", label) for text, label in make_reviews(100)]
    lines = ["text,label", *(f'"{text}",{label}' for text, label in rows)]
    if name == "a.jsonl":
        lines = [
            json.dumps({"text": text, "label": label}, ensure_ascii=False)
            for text, label in rows
        ]
    path = write(name, "\n".join(lines).encode(encoding))
    data = load_data(config(path, encoding=encoding))
    found = [
        row for split in ("train", "validation", "test") for row in pairs(data, split)
    ]
    assert sorted(found) == sorted(rows)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_setting_that_the_error_proposes_reads_the_file(
    encoding, write, make_reviews
):
    rows = [f"Café {n}: {text},{y}" for n, (text, y) in enumerate(make_reviews(100))]
    path = write("a.csv", "\n".join(["text,label", *rows]).encode(encoding))
    setting = refusal(path).rpartition("Set data.encoding=")[2].rstrip(".")
    assert setting == encoding
    assert pairs(load_data(config(path, encoding=setting)), "train")


FAULTY = {
    "a.csv": (
        [
            *("text,label", *(f'"{n}th film",{LABELS[n % 2]}' for n in range(120))),
            *('"No label",', '"Short"', "Three,fields,here", '"Blank","  "'),
        ],
        {
            122: "'label' is empty.",
            123: "'label' has no value.",
            124: "more fields than the header has.",
            125: "'label' is empty.",
        },
    ),
    "a.tsv": (
        [
            *("text\tlabel", *(f"{n}th film\t{LABELS[n % 2]}" for n in range(120))),
            *("No label\t", "Short", "Three\tfields\there"),
        ],
        {
            122: "'label' is empty.",
            123: "'label' has no value.",
            124: "more fields than the header has.",
        },
    ),
    "a.jsonl": (
        [
            '{"label": "first"}',
            *(
                json.dumps({"text": f"{n}th film", "label": LABELS[n % 2]})
                for n in range(120)
            ),
            *('{"text": "No label"}', '{"text": null, "label": "a"}', "{", "[]"),
            *('{"text": NaN, "label": "a"}', '{"text": ["a"], "label": "a"}'),
        ],
        {
            1: "no 'text'. The columns are: label.",
            122: "'label' has no value.",
            123: "'text' has no value.",
            124: "not JSON: ",
            125: "expected one JSON object per line.",
            126: "not JSON: NaN is not JSON.",
            127: "'text' is not a text: ['a'].",
        },
    ),
}


@pytest.mark.parametrize("name", FAULTY)
def test_faulty_rows_are_left_out_counted_and_listed_once(name, write, capsys):
    lines, faults = FAULTY[name]
    path = write(name, "\n".join(lines))
    data = load_data(config(path, skip_bad_rows=True))
    found = [
        row for split in ("train", "validation", "test") for row in pairs(data, split)
    ]
    assert sorted(found) == sorted((f"{n}th film", LABELS[n % 2]) for n in range(120))
    heading, *listed = capsys.readouterr().err.splitlines()
    assert heading == (f"{path}: left out {len(faults)} of {120 + len(faults)} rows:")
    for line, (number, fault) in zip(listed, faults.items(), strict=True):
        assert line.startswith(f"  {path}:{number}: {fault}")


@pytest.mark.parametrize("name", FAULTY)
def test_without_the_setting_the_first_faulty_row_is_refused(name, write):
    lines, faults = FAULTY[name]
    message = refusal(write(name, "\n".join(lines)))
    number, fault = next(iter(faults.items()))
    assert f"{name}:{number}: {fault}" in message
    assert message.endswith("or set data.skip_bad_rows=true.")


def test_of_many_faulty_rows_ten_are_listed(write, capsys):
    lines = ["text,label", *(f"{n}th film,{LABELS[n % 2]}" for n in range(120))]
    path = write("a.csv", "\n".join([*lines, *(["none,"] * 12)]))
    load_data(config(path, skip_bad_rows=True))
    heading, *listed = capsys.readouterr().err.splitlines()
    assert heading == f"{path}: left out 12 of 132 rows:"
    assert len(listed) == 11
    assert listed[-1] == "  and 2 more"


def test_a_file_of_which_more_than_half_is_faulty_is_refused(write):
    lines = ["text,label", *(f"{n}th film,{LABELS[n % 2]}" for n in range(100))]
    path = write("a.csv", "\n".join([*lines, *(["none,"] * 101)]))
    assert refusal(path, skip_bad_rows=True) == (
        f"{path}: 101 of 201 rows are faulty, too many to leave out. The first: "
        f"{path}:102: 'label' is empty."
    )


BROKEN = {
    "column.csv": ("review,label\nA joy.,good\n", "{path}:1: no 'text'."),
    "cut.csv": ('text,label\nA joy.,good\n"A bore,', "{path}:3: unterminated quoted"),
    "pairs.csv": (
        'text,label\nA joy.,good\n"A bore,bad\n"Dull,bad\n',
        "{path}:3: a quote stands alone",
    ),
    "twice.csv": ("text,text,label\nA joy.,,good\n", "{path}:1: 2 columns are named"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_broken_as_a_whole_is_refused_all_the_same(name, write):
    content, expected = BROKEN[name]
    path = write(name, content)
    message = refusal(path, skip_bad_rows=True)
    assert expected.format(path=path) in message
    assert "skip_bad_rows" not in message


@pytest.mark.parametrize("split", ["validation", "test"])
def test_rows_of_a_label_unknown_to_training_are_left_out_and_listed(
    split, write_rows, make_reviews, capsys
):
    rows = make_reviews(200)
    odd = next(n for n, (text, _) in enumerate(rows) if split_of(text) == split)
    text, rows[odd] = rows[odd][0], (rows[odd][0], "meh")
    path = write_rows("a.csv", rows)
    data = load_data(config(path, skip_bad_rows=True))
    assert data.labels == list(LABELS)
    expected = [row for row in rows if split_of(row[0]) == split and row[0] != text]
    assert pairs(data, split) == expected
    error = capsys.readouterr().err
    assert f"left out 1 of {len(expected) + 1} rows of the {split} split:" in error
    assert "the label 'meh'" in error


@pytest.mark.parametrize(
    ("name", "separator"), [("a.csv", "|"), ("a.csv", "tab"), ("a.tsv", ";")]
)
def test_a_separator_that_is_set_is_taken(name, separator, write, capsys):
    one = "\t" if separator == "tab" else separator
    lines = [one.join(("label", "text, really"))]
    lines += [one.join((LABELS[n % 2], f'"film, {n}{one}"')) for n in range(100)]
    path = write(name, "\n".join(lines))
    options = {"separator": separator, "text_column": "text, really"}
    assert ("film, 1" + one, "positive") in pairs(
        load_data(config(path, **options)), "train"
    )
    assert capsys.readouterr().err == ""


def test_a_separator_is_refused_for_json_lines(write, write_rows, make_reviews):
    path = write("a.jsonl", '{"text": "A joy.", "label": "good"}\n')
    assert refusal(path, separator=";").startswith(f"data.separator: {path} is JSON Li")
    rows = write_rows("a.csv", make_reviews(60))
    message = refusal(rows, ("train",), separator=",", test_file=str(path))
    assert message.startswith(f"data.separator: {path} is JSON Lines")
