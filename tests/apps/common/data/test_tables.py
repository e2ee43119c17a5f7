"""Tables are read row by row; the tests of each app cover the rows it refuses."""

import itertools

import pytest

from apps.common.data import tables
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
    with pytest.raises(ValueError, match=r"a\.tsv:2: unterminated quoted field"):
        list(labelled_rows(path, "text", "label"))
