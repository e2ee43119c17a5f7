"""Tables are read row by row; the tests of each app cover the rows it refuses."""

import itertools

import pytest

from apps.common.data import tables
from apps.common.data.faulty import RowError
from apps.common.data.tables import labelled_rows

GOOD = {
    "a.csv": ["text,label", *(f'"film, {n}",good' for n in range(5))],
    "a.tsv": ["label\ttext", *(f"good\tfilm, {n}" for n in range(5))],
    "a.jsonl": [f'{{"text": "film, {n}", "label": "good"}}' for n in range(5)],
}
BAD = {"a.csv": "film", "a.tsv": "good\tfilm\tmore", "a.jsonl": '{"text": "film"}'}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_row_comes_in_the_order_of_the_file(name, end, tmp_path):
    path = tmp_path / name
    path.write_bytes(end.join(GOOD[name]).encode())
    rows = list(labelled_rows(path, "text", "label"))
    assert rows == [(f"film, {n}", "good") for n in range(5)]


@pytest.mark.parametrize("name", GOOD)
def test_rows_come_before_the_rest_of_the_file_is_read(name, tmp_path):
    path = tmp_path / name
    path.write_text("\n".join([*GOOD[name], BAD[name], "\x00" * 10**6]))
    rows = labelled_rows(path, "text", "label")
    assert len(list(itertools.islice(rows, 5))) == 5
    with pytest.raises(ValueError, match=rf"{name}:{len(GOOD[name]) + 1}: "):
        next(rows)


@pytest.mark.parametrize("name", GOOD)
def test_the_line_that_is_not_utf8_is_named_however_far_it_is(name, tmp_path):
    path = tmp_path / name
    lines = [*GOOD[name], *GOOD[name][-1:] * 5000]
    path.write_bytes("\n".join([*lines, "caf\xe9"]).encode("latin-1"))
    with pytest.raises(ValueError, match=rf"{name}:{len(lines) + 1}: not UTF-8\. "):
        list(labelled_rows(path, "text", "label"))


def test_nothing_is_read_before_a_row_is_asked_for(tmp_path):
    rows = labelled_rows(tmp_path / "none.csv", "text", "label")
    with pytest.raises(ValueError, match=r"none\.csv: there is no such file\."):
        next(rows)


def test_lines_of_a_quoted_text_end_with_a_line_feed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'text,label\r\n"one\r\ntwo",good\r\n')
    assert list(tables.labelled_rows(path, "text", "label")) == [("one\ntwo", "good")]


def test_a_line_of_a_tsv_is_a_row_whatever_quotes_it_has(tmp_path):
    path = tmp_path / "a.tsv"
    texts = ['"Great', 'Great"', '"Great" film', 'a "great" film', '"', '5" wide']
    rows = [(f"{text} {n}", "good") for n, text in enumerate(texts * 100)]
    rows.append(('"both', 'bad"'))
    lines = ["text\tlabel", *(f"{text}\t{label}" for text, label in rows)]
    path.write_text("\n".join(lines))
    assert list(labelled_rows(path, "text", "label")) == rows


def test_quoted_fields_of_a_tsv_may_hold_quotes_tabs_and_lines(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(
        'label\ttext\nbad\t"a ""great"" film"\ngood\t"one\ttwo"\ngood\tplain\n'
        '"very\ngood"\t"three"\n'
    )
    assert list(labelled_rows(path, "text", "label")) == [
        ('a "great" film', "bad"),
        ("one\ttwo", "good"),
        ("plain", "good"),
        ("three", "very good"),
    ]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_is_guessed_from_the_header_and_named(
    separator, tmp_path, capsys
):
    path = tmp_path / "a.csv"
    rows = [["id", "text", "label"], ["1", '"A joy, really"', "good"]]
    path.write_text("\n".join(separator.join(row) for row in rows))
    assert list(labelled_rows(path, "text", "label")) == [("A joy, really", "good")]
    assert f"read with the separator {separator!r}" in capsys.readouterr().err


def test_a_comma_is_the_separator_of_a_header_that_has_the_columns(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("text,label,a;b\nA joy; really,good,x\n")
    assert list(labelled_rows(path, "text", "label")) == [("A joy; really", "good")]
    assert capsys.readouterr().err == ""


def test_a_quote_that_nothing_closes_is_named_however_long_the_file_is(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"never closed\n' + "a film\tgood\n" * 200_000)
    with pytest.raises(ValueError, match=r"a\.tsv:2: expected 2 fields"):
        list(labelled_rows(path, "text", "label"))


SWALLOWING = {
    "a field too few": (
        ["id\ttext\tlabel", '1\t"Wow', '2\tfoo"\tneg', "3\tx\tpos"],
        [('foo"', "neg"), ("x", "pos")],
        2,
    ),
    "no last column": (
        ["text\tlabel\tnote", '"Wow\tneg', 'The end"\tpos\tok'],
        [('The end"', "pos")],
        2,
    ),
    "a short line after it": (
        ["id\ttext\tlabel", '1\t"Wow', "2", '3\tthe end"\tpos', "4\tx\tneg"],
        [('the end"', "pos"), ("x", "neg")],
        2,
    ),
    "a line too long after it": (
        ["text\tlabel\tnote", "x\tpos\t", '"Wow', 'a\tb"\tneg\tc', "y\tneg\t"],
        [("x", "pos"), ("y", "neg")],
        3,
    ),
    "a quote that nothing closes": (
        ["text\tlabel", *["x\tpos"] * 3, '"Wow', "a", "b", '"again'],
        [("x", "pos")] * 3,
        5,
    ),
}


@pytest.mark.parametrize("case", SWALLOWING)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_of_a_tsv_that_is_too_short_swallows_no_other_row(case, end, tmp_path):
    lines, rows, faulty = SWALLOWING[case]
    path = tmp_path / "a.tsv"
    path.write_bytes(end.join(lines).encode())
    read = [row for _, row in tables.text_rows(path, ("text", "label"), "")]
    assert [row[1] for row in read if not isinstance(row, RowError)] == rows
    with pytest.raises(ValueError, match=rf"a\.tsv:{faulty}: expected \d fields"):
        list(labelled_rows(path, "text", "label"))


def test_the_fields_of_a_faulty_line_of_a_tsv_are_kept(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('id\ttext\tlabel\n1\t"Wow\n2\tfoo"\tneg\n')
    ((_, fault), (_, (record, _))) = tables.text_rows(path, ("text", "label"), "")
    assert fault.record == {"id": "1", "text": '"Wow', "label": None}
    assert record == {"id": "2", "text": 'foo"', "label": "neg"}


def test_quotes_that_are_read_as_text_are_reported_once_a_file(tmp_path, capsys):
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"a\tb\nc"\tpos\n"again\tneg\n')
    rows = [('"a', "b"), ('c"', "pos"), ('"again', "neg")]
    assert list(labelled_rows(path, "text", "label")) == rows
    assert capsys.readouterr().err.count(f"{path}:2: a field begins with a quote") == 1


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"text": "a", "text": "b", "label": "x"}', "the key 'text' stands twice"),
        (
            '{"text": "a", "label": "x", "more": {"id": 1, "id": 2}}',
            "the key 'id' stands twice",
        ),
        ('{"text": 1e400, "label": "x"}', "the number 1e400 is too large"),
        ('{"text": "a", "label": -1e999}', "the number -1e999 is too large"),
        ('{"text": Infinity, "label": "x"}', "not JSON: Infinity is not JSON"),
        ('{"text": "a", "label": "\\u200b"}', "'label' is empty"),
    ],
)
def test_json_that_is_ambiguous_or_has_no_value_is_a_faulty_row(line, fault, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "a", "label": "x"}}\n{line}\n')
    with pytest.raises(ValueError, match=rf"a\.jsonl:2: {fault}"):
        list(labelled_rows(path, "text", "label"))


def test_values_of_json_are_spelled_as_in_json(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"text": true, "label": false}\n{"text": 1.5, "label": 7}\n'
        '{"text": "True", "label": "\\ud83d"}\n'
    )
    rows = [("true", "false"), ("1.5", "7"), ("True", "?")]
    assert list(labelled_rows(path, "text", "label")) == rows


def test_a_blank_first_line_changes_nothing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n\r\ntext;label\na, b;good\n")
    assert list(labelled_rows(path, "text", "label")) == [("a, b", "good")]
    (tmp_path / "b.csv").write_text("\n\ntext;label\na;good\nb\n")
    with pytest.raises(ValueError, match=r"b\.csv:5: 'label' has no value"):
        list(labelled_rows(tmp_path / "b.csv", "text", "label"))
    (tmp_path / "c.csv").write_text("\ntext,text,label\n")
    with pytest.raises(ValueError, match=r"c\.csv:2: 2 columns are named 'text'"):
        list(labelled_rows(tmp_path / "c.csv", "text", "label"))


def test_an_empty_file_of_any_encoding_has_no_records(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"")
    for encoding in ("utf-8", "utf-16", "utf-32", "cp1252"):
        with pytest.raises(ValueError, match=r"a\.csv: no records"):
            list(labelled_rows(path, "text", "label", encoding=encoding))
