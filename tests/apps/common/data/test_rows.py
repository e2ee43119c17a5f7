"""The rows of a file of inputs: a blank text is a fault in every format."""

import json

import pytest

from apps.common.data.rows import file_rows
from apps.common.data.text import tokenize
from apps.common.data.values import is_visible
from apps.language_modeling import config as language_modeling
from apps.question_answering import config as question_answering
from apps.question_answering.rows import question_rows
from apps.speech_commands import config as speech_commands

TEXT, QUESTION = {"text": ""}, {"context": "", "question": ""}
BLANK = ("", "  \t ", "\u200b\ufeff", "\ufe0f", "\xad\x1f")


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode())
        return path

    return write


@pytest.mark.parametrize("blank", BLANK)
def test_a_blank_text_has_no_answer_in_any_format(blank, write):
    data = language_modeling.DataConfig()
    files = {
        "a.txt": f"good\n{blank}\nlast\n",
        "a.csv": f'text\ngood\n"{blank}"\nlast\n',
        "a.jsonl": "\n".join(json.dumps({"text": t}) for t in ("good", blank, "last")),
    }
    for name, content in files.items():
        rows = list(file_rows(write(name, content), TEXT, data))
        assert [row.input for row in rows] == ["good", None, "last"]
        assert rows[1].fault.endswith(": 'text' is empty.")
        assert rows[1].columns == {"text": blank}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_feed_at_the_end_of_a_file_begins_no_line(end, write):
    path = write("a.txt", f"one{end}two{end}")
    rows = file_rows(path, TEXT, language_modeling.DataConfig())
    assert [(row.place, row.input) for row in rows] == [
        (f"{path}:1", "one"),
        (f"{path}:2", "two"),
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("|||", "'context' is empty."),
        ("x |||", "'question' is empty."),
        ("||| x", "'context' is empty."),
        ("\u200b ||| x", "'context' is empty."),
        ("", 'Expected "context ||| question".'),
    ],
)
def test_a_line_without_context_or_question_is_a_fault(line, fault, write):
    path = write("a.txt", f"a ||| b\n{line}\n")
    good, bad = question_rows(path, "utf-8")
    assert (good.input, bad.input) == (("a", "b"), None)
    assert bad.fault.startswith(f"{path}:2: {fault}")


def test_a_question_before_the_first_sentence_is_a_fault(write):
    path = write("a.txt", "1 Where is Mary?\n2 Mary went home.\n3 Where is Mary?\n")
    first, second = question_rows(path, "utf-8")
    assert first.fault == f"{path}:1: 'context' is empty."
    assert second.input == ("Mary went home", "Where is Mary?")


def test_every_app_with_a_separator_reads_its_tables_with_it(write):
    data = question_answering.DataConfig(separator="|")
    path = write("a.csv", "context|question\nA, b; c.|Which?\n")
    (row,) = file_rows(path, QUESTION, data)
    assert row.input == ("A, b; c.", "Which?")
    data = language_modeling.DataConfig(separator="tab")
    (row,) = file_rows(write("b.csv", "id\ttext, all\ttext\n1\t2\ta\n"), TEXT, data)
    assert row.input == "a"


@pytest.mark.parametrize(
    ("data", "is_named"),
    [
        (question_answering.DataConfig(), True),
        (language_modeling.DataConfig(), True),
        (speech_commands.DataConfig(), False),
    ],
)
def test_the_advice_names_only_settings_that_there_are(data, is_named, write):
    with pytest.raises(ValueError, match=r"no 'file'") as caught:
        list(file_rows(write("a.csv", "id|file\n1|a.wav\n"), {"file": ""}, data))
    assert ("data.separator=..." in str(caught.value)) is is_named
    path = write("b.csv", "file\n")
    path.write_bytes(b"file\ncaf\xe9\n")
    with pytest.raises(ValueError, match="not UTF-8") as caught:
        list(file_rows(path, {"file": ""}, data))
    assert ("data.encoding=" in str(caught.value)) is is_named


def test_columns_without_a_name_get_numbers(write):
    path = write("a.csv", "text,label,, \na,b,,2\n")
    (row,) = file_rows(path, TEXT, language_modeling.DataConfig())
    assert row.input == "a"
    assert row.columns == {"text": "a", "label": "b", "column_3": "", "column_4": "2"}


@pytest.mark.parametrize("text", BLANK)
def test_what_makes_no_token_is_not_visible(text):
    assert not is_visible(text)
    assert tokenize([text]).to_list() == [[b"<unk>"]]
    assert is_visible(f"{text}a")


@pytest.mark.parametrize("text", ["a", "家", "😀", "\u0301", "\U0001fadf", "."])
def test_what_makes_a_token_is_visible(text):
    assert is_visible(text)
    assert tokenize([text]).to_list() != [[b"<unk>"]]
