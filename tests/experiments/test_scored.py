"""`predict --file`: rows with their own columns, in a stream, faults included."""

import csv
import io
import json

import pytest

from apps.common.predictor import Predictor
from apps.sentiment.config import Config, DataConfig
from experiments import scored
from experiments.run import main
from experiments.scored import predict_file

HEAD = "id,text,label\n"
FAULTY = {
    "a.csv": (
        "id,text,label\n1,A joy.,good\n2,,bad\n3,Dull, really.,bad\n4\n5,Warm.,good\n",
        {2: "a.csv:3: 'text' is empty.", 3: "a.csv:4: more fields", 4: "a.csv:5: "},
        ["1", "2", "3", "4", "5"],
    ),
    "a.jsonl": (
        '{"id": 1, "text": "A joy."}\n{"id": 2, "text": null}\n{"id": 3\n'
        '{"id": 4}\n{"id": 5, "text": "Warm."}\n[6]\n{"id": 7, "text": ["a"]}\n',
        {
            **{2: "a.jsonl:2: 'text' has no value.", 3: "a.jsonl:3: not JSON"},
            **{
                4: "a.jsonl:4: 'text' has no value.",
                6: "a.jsonl:6: expected one JSON object",
            },
            7: "a.jsonl:7: 'text' is not a text: ['a']",
        },
        ["1", "2", "", "4", "5", "", "7"],
    ),
}


class Lengths(Predictor):
    """Labels a text by its length; refuses the text "odd"."""

    name, config_class, inputs = "sentiment", Config, {"text": "text_column"}

    def predict(self, texts):
        self.calls = [*getattr(self, "calls", []), list(texts)]
        if "odd" in texts:
            raise ValueError("an odd text.")
        return [
            {
                "text": text,
                "label": "long" if len(text) > 4 else "short",
                "probabilities": {"long": len(text) / 100, "short": 0.5},
                "lengths": [len(word) for word in text.split()],
            }
            for text in texts
        ]


@pytest.fixture
def predictor(tmp_path):
    return Lengths(tmp_path, Config())


@pytest.fixture
def score(predictor, tmp_path):
    """Scores a text as a file; returns the rows of the output and number of faults."""

    def score(content, name="a.csv", output="scored.csv", overrides=()):
        (tmp_path / name).write_text(content, encoding="utf-8")
        path = tmp_path / output
        faults = predict_file(predictor, tmp_path / name, path, overrides)
        return rows_of(path), faults

    return score


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in file]
        return list(csv.DictReader(file, delimiter="\t" if "t" in path.suffix else ","))


def test_a_row_is_a_record_whatever_lines_it_has(score):
    texts = [f"film {n}\nin two lines, or\n\nfour" for n in range(40)]
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["id", "text"], *enumerate(texts)])
    rows, faults = score(buffer.getvalue())
    assert faults == 0
    assert [row["id"] for row in rows] == [str(n) for n in range(40)]
    assert [row["text"] for row in rows] == texts


def test_outputs_stand_beside_all_columns_under_names_of_their_own(score):
    rows, _ = score("id,text,label,probability\n007,A joy.,good,high\n")
    assert rows == [
        {
            **{"id": "007", "text": "A joy.", "label": "good", "probability": "high"},
            **{"predicted_label": "long", "probability_long": "0.06"},
            **{"probability_short": "0.5", "error": ""},
        }
    ]


def test_json_lines_keep_their_types_and_have_lists_as_well(score):
    row = {"id": 7, "text": "A joy.", "tags": ["a", None], "more": {"x": 1.5}}
    (own,), _ = score(json.dumps(row), "a.jsonl", "scored.jsonl")
    assert own == {
        **row,
        **{"predicted_label": "long", "probability_long": 0.06},
        **{"probability_short": 0.5, "predicted_lengths": [1, 4], "error": ""},
    }
    (own,), _ = score(json.dumps(row), "a.jsonl", "scored.csv")
    assert (own["tags"], own["more"], own["id"]) == ('["a", null]', '{"x": 1.5}', "7")
    assert "predicted_lengths" not in own


@pytest.mark.parametrize("name", FAULTY)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_faulty_row_is_named_and_kept_with_its_columns(
    name, suffix, score, tmp_path, capsys
):
    content, expected, ids = FAULTY[name]
    rows, faults = score(content, name, f"scored{suffix}")
    assert faults == len(expected)
    assert [str(row.get("id") or "") for row in rows] == ids
    error = capsys.readouterr().err.splitlines()
    for number, row in enumerate(rows, 1):
        if number in expected:
            assert row["error"].startswith(f"{tmp_path}/{expected[number]}")
            assert row["error"] in error
            assert not row["predicted_label"]
        else:
            assert (row["error"], row["predicted_label"]) == ("", "long")
    assert f"{len(expected)} of {len(rows)} rows had a fault; see the" in error[-1]


def test_only_the_first_faults_are_printed_and_all_are_counted(
    score, monkeypatch, capsys
):
    monkeypatch.setattr(scored, "REPORTED", 3)
    rows, faults = score(f"{HEAD}1,A joy.,good\n" + "2,,bad\n" * 9)
    assert faults == 9
    assert sum(bool(row["error"]) for row in rows) == 9
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_an_input_that_is_refused_is_one_row_with_a_fault(score, predictor):
    texts = [*["fine"] * 9, "odd", *["fine"] * 4, "odd"]
    rows, faults = score(HEAD + "".join(f"1,{text},x\n" for text in texts))
    assert faults == 2
    assert [bool(row["error"]) for row in rows] == [text == "odd" for text in texts]
    assert rows[9]["error"].endswith("a.csv:11: an odd text.")


@pytest.mark.parametrize("count", [1, 7, 8, 9, 20])
def test_windows_keep_the_order_of_the_rows(count, score, predictor, monkeypatch):
    monkeypatch.setattr(scored, "WINDOW_ROWS", 8)
    monkeypatch.setattr(scored, "ROWS_AT_ONCE", 3)
    texts = ["x" * (17 * n % 13 + 1) for n in range(count)]
    rows, _ = score(HEAD + "".join(f"{n},{text},\n" for n, text in enumerate(texts)))
    assert [row["id"] for row in rows] == [str(n) for n in range(count)]
    for text, row in zip(texts, rows, strict=True):
        assert float(row["probability_long"]) == len(text) / 100
    assert max(map(len, predictor.calls)) <= 3


@pytest.mark.parametrize(
    ("rows", "characters", "read"), [(8, 2**22, 8), (4096, 50, 5)], ids=str
)
def test_a_window_is_all_that_is_in_memory(
    rows, characters, read, predictor, monkeypatch, tmp_path
):
    monkeypatch.setattr(scored, "WINDOW_ROWS", rows)
    monkeypatch.setattr(scored, "WINDOW_CHARACTERS", characters)
    (tmp_path / "a.txt").write_text("ten letter\n" * 100)
    seen, own = [], predictor.rows

    def counted(path, data):
        for row in own(path, data):
            seen.append(row)
            yield row

    monkeypatch.setattr(predictor, "rows", counted)
    first = predictor.rows(tmp_path / "a.txt", predictor.config.data)
    report = scored.Report("a.txt")
    next(scored._predicted(predictor, first, report))
    assert len(seen) == read


def test_without_output_a_row_is_a_line_of_json_with_its_other_columns(
    predictor, tmp_path, capsys
):
    (tmp_path / "a.csv").write_text(f"{HEAD}1,A joy.,good\n2,,bad\n")
    assert predict_file(predictor, tmp_path / "a.csv") == 1
    printed = capsys.readouterr()
    good, bad = map(json.loads, printed.out.splitlines())
    assert good["columns"] == {"id": "1", "label": "good"}
    assert (good["text"], good["label"]) == ("A joy.", "long")
    assert bad["columns"] == {"id": "2", "text": "", "label": "bad"}
    assert bad["error"] in printed.err
    (tmp_path / "a.txt").write_text("A joy.\n")
    predict_file(predictor, tmp_path / "a.txt")
    assert json.loads(capsys.readouterr().out) == predictor.predict(["A joy."])[0]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("\ufeffid;text;label\r\n1;A joy, really.;good\r\n", "A.CSV"),
        ('id\ttext\tlabel\n1\t"A joy, really."\tgood\n', "a.tsv"),
        ('{"id": "1", "label": "good", "text": "A joy, really."}\n', "a.ndjson"),
    ],
)
def test_a_file_is_read_as_for_training(content, name, score):
    (row,), _ = score(content, name)
    assert (row["id"], row["text"], row["label"]) == ("1", "A joy, really.", "good")


def test_the_encoding_and_the_separator_of_the_run_are_those_of_the_file(
    tmp_path, capsys
):
    data = DataConfig(encoding="cp1252", separator="|")
    (tmp_path / "a.csv").write_bytes("id|text\n1|A caf\xe9, a joy.\n".encode("cp1252"))
    (tmp_path / "a.txt").write_bytes("A caf\xe9.\n".encode("cp1252"))
    predictor = Lengths(tmp_path, Config(data=data))
    for name, text in (("a.csv", "A caf\xe9, a joy."), ("a.txt", "A caf\xe9.")):
        assert predict_file(predictor, tmp_path / name) == 0
        assert json.loads(capsys.readouterr().out)["text"] == text


def test_a_tsv_of_ours_is_read_again(score, predictor, tmp_path):
    texts = ['"Great', "a\ttab", "two\nlines", 'a "great" film', "plain"]
    rows = [json.dumps({"id": n, "text": text}) for n, text in enumerate(texts)]
    rows += [json.dumps({"text": text, "id": n}) for n, text in enumerate(texts)]
    for part, name in ((rows[:5], "b.tsv"), (rows[5:], "c.tsv")):
        score("\n".join(part), "a.jsonl", name)
        own = predictor.rows(tmp_path / name, predictor.config.data)
        assert [row.input for row in own] == texts


def test_another_column_can_be_named_before_predict(score, predictor, tmp_path):
    (tmp_path / "config.yaml").write_text("data: {text_column: review}\n")
    rows, _ = score("id,body\n1,A joy.\n", overrides=["data.text_column=body"])
    assert rows[0]["predicted_label"] == "long"


MISTAKES = {
    "no such column": ("id,review\n1,A joy.\n", "scored.csv", "no 'text'. The columns"),
    "no such key": ('{"id": 1}\n', "scored.csv", "a.jsonl:1: no 'text'. The columns"),
    "no row": (HEAD, "scored.csv", "a.csv: no rows."),
    "an empty file": ("", "scored.csv", "a.csv: no rows."),
    "two columns": ("id,id,text\n1,2,A\n", "scored.csv", "2 columns are named 'id'"),
    "a quote": (f'{HEAD}1,"A joy\n', "scored.csv", "a.csv:2: unterminated quoted"),
    "no good row": (f"{HEAD}1,,\n2,,\n", "scored.csv", "a.csv:2: 'text' is empty. No"),
    "its own output": (
        "text,predicted_label\nA,b\n",
        "scored.csv",
        "has a column 'predicted_label' already",
    ),
    "an error": ("text,error\nA,b\n", "scored.csv", "has a column 'error' already"),
    "an ending": (HEAD, "scored.xlsx", "--output: expected a name that ends in .csv"),
    "no folder": (HEAD, "none/scored.csv", "none. Make it first."),
    "an existing file": (f"{HEAD}1,A,b\n", "old.csv", "old.csv exists already."),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_file_that_is_wrong_as_a_whole_is_refused_in_one_line(case, score, tmp_path):
    content, output, expected = MISTAKES[case]
    (tmp_path / "old.csv").write_text("mine\n")
    before = sorted(tmp_path.iterdir())
    name = "a.jsonl" if content[:1] == "{" else "a.csv"
    with pytest.raises(ValueError, match=r".") as caught:
        score(content, name, output)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / name])
    assert (tmp_path / "old.csv").read_text() == "mine\n"


def test_an_interrupted_command_leaves_no_half_file(
    score, predictor, tmp_path, monkeypatch
):
    monkeypatch.setattr(scored, "WINDOW_ROWS", 2)
    own = predictor.predict

    def predict(texts):
        if "last" in texts:
            raise KeyboardInterrupt
        return own(texts)

    predictor.predict = predict
    with pytest.raises(KeyboardInterrupt):
        score(HEAD + "1,A joy.,x\n" * 5 + "2,last,x\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_an_output_that_appears_meanwhile_is_kept(score, predictor, tmp_path):
    own = predictor.predict

    def predict(texts):
        (tmp_path / "scored.csv").write_text("another's\n")
        return own(texts)

    predictor.predict = predict
    with pytest.raises(ValueError, match=r"scored\.csv exists already"):
        score(f"{HEAD}1,A joy.,x\n")
    assert (tmp_path / "scored.csv").read_text() == "another's\n"


def test_a_bar_shows_all_rows_on_a_terminal(score, monkeypatch, capsys):
    content = HEAD + "1,A joy.,x\n2,,x\n" * 20
    score(content)
    assert "40/40" not in capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    score(content, output="again.csv")
    assert "40/40 rows" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_a_carriage_return_in_a_text_ends_no_row(suffix, score):
    content = json.dumps({"id": 1, "text": "A\rjoy.", "country": "x"}) + "\n"
    (row,), _ = score(content, name="new.jsonl", output=f"scored.{suffix}")
    assert (row["id"], row["text"], row["country"]) == ("1", "A\rjoy.", "x")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--file", "typo.csv"], "there is no file 'typo.csv'"),
        (["--file", ""], "there is no file ''"),
        (["--file", "a.csv", "--output", "b.xlsx"], "expected a name that ends in"),
        (["--file", "a.csv", "--output", "a.csv"], "a.csv exists already"),
    ],
)
def test_files_are_checked_before_training(
    words, message, task, recipes, verbs, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(f"{HEAD}1,A joy.,good\n")
    with pytest.raises(SystemExit) as ended:
        main(task, ["train", "predict", *words])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not verbs


def test_the_exit_status_says_whether_a_row_had_a_fault(
    task, recipes, verbs, tmp_path, capsys
):
    (tmp_path / "a.csv").write_text(f"{HEAD}1,A joy.,good\n")
    main(task, ["predict", "--file", str(tmp_path / "a.csv"), "--output", "b.csv"])
    assert "b.csv: 1 rows\n" in capsys.readouterr().out
    (tmp_path / "a.csv").write_text(f"{HEAD}1,A joy.,good\n2,,\n")
    for more in ([], ["--output", "c.csv"]):
        with pytest.raises(SystemExit) as ended:
            main(task, ["predict", "--file", str(tmp_path / "a.csv"), *more])
        assert ended.value.code == 1
        assert "1 of 2 rows had a fault" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["predict", "A joy."], ["explain", "--file", "x"], ["evaluate"]]
)
def test_an_output_goes_with_predict_and_a_file(words, task, recipes, capsys):
    with pytest.raises(SystemExit) as ended:
        main(task, [*words, "--output", "scored.csv"])
    assert ended.value.code == 2
    assert "--output goes with" in capsys.readouterr().err


def test_the_good_rows_of_a_table_are_drawn(task, recipes, verbs, tmp_path, capsys):
    (tmp_path / "a.csv").write_text(f"{HEAD}1,A joy.,good\n2,,\n3,Dull.,bad\n")
    with pytest.raises(SystemExit) as ended:
        main(task, ["explain", "--file", str(tmp_path / "a.csv")])
    assert ended.value.code == 1
    assert verbs[0][2] == ["A joy.", "Dull."]
    assert "a.csv:3: 'text' is empty." in capsys.readouterr().err
