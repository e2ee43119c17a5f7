"""`predict --file --output` with a trained run of each app."""

import csv
import functools
import importlib
import json
import shutil

import numpy as np
import pytest

from experiments.run import main
from experiments.task import Task
from experiments.tasks import TASKS


@functools.cache
def predictor_of(app, run):
    return importlib.import_module(f"apps.{app}.predict").Predictor.load(run)


@pytest.fixture
def score(tmp_path, monkeypatch):
    """Scores a file by the command; returns the output's rows and the exit status."""

    def score(app, run, file, *words):
        predictor = predictor_of(app, run)
        monkeypatch.setattr(Task, "predictor", lambda self, directory: predictor)
        output = tmp_path / "scored.csv"
        output.unlink(missing_ok=True)
        command = [*words, "predict", f"run_directory={run}", "--file", str(file)]
        try:
            main(TASKS[app], [*command, "--output", str(output)])
            status = 0
        except SystemExit as ended:
            status = ended.code
        with open(output, encoding="utf-8", newline="") as opened:
            return list(csv.DictReader(opened)), status

    return score


def test_reviews_are_scored_beside_their_ids(
    trained_run, make_reviews, score, tmp_path
):
    reviews = make_reviews(40)
    with open(tmp_path / "new.csv", "w", newline="") as file:
        rows = [
            (n, f"{text}\nin lines", label) for n, (text, label) in enumerate(reviews)
        ]
        csv.writer(file).writerows([["id", "text", "label"], *rows, [40, "", "good"]])
    scored, status = score("sentiment", trained_run, tmp_path / "new.csv")
    assert [int(row["id"]) for row in scored] == list(range(41))
    assert status == 1
    assert scored[-1]["error"].endswith("new.csv:82: 'text' is empty.")
    predictor = predictor_of("sentiment", trained_run)
    answers = predictor.predict([text for _, text, _ in rows])
    for row, answer, (_, text, label) in zip(scored, answers, rows, strict=False):
        assert (row["text"], row["label"]) == (text, label)
        assert row["predicted_label"] == answer["label"]
        for name, p in answer["probabilities"].items():
            assert float(row[f"probability_{name}"]) == pytest.approx(p, abs=1e-5)


def test_documents_are_scored_in_the_column_that_is_named(
    summarization_run, score, tmp_path
):
    documents = [
        "In the old town lived zebra77, who was a king.",
        "In the old town lived bo1, who was a poet. It rained.",
    ]
    lines = [{"n": n, "body": text, "summary": "x"} for n, text in enumerate(documents)]
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, lines)))
    rows, status = score(
        *("summarization", summarization_run, tmp_path / "new.jsonl"),
        "data.document_column=body",
    )
    assert status == 0
    assert [row["predicted_summary"] for row in rows] == ["king zebra77", "poet bo1"]
    assert [(row["n"], row["body"], row["summary"]) for row in rows] == [
        (str(n), text, "x") for n, text in enumerate(documents)
    ]
    assert all(-5 < float(row["predicted_score"]) < 0 for row in rows)


def test_each_text_of_a_language_model_has_its_perplexity(
    language_run, score, tmp_path
):
    texts = ["the film", "a warm film . " * 30, "zork", "it was good"]
    (tmp_path / "new.tsv").write_text(
        "id\ttext\n" + "".join(f"7\t{t}\n" for t in texts)
    )
    predictor = predictor_of("language_modeling", language_run)
    rows, _ = score("language_modeling", language_run, tmp_path / "new.tsv")
    for text, row, together in zip(texts, rows, predictor.predict(texts), strict=True):
        (alone,) = predictor.predict([text])
        assert float(row["predicted_perplexity"]) == pytest.approx(alone["perplexity"])
        assert int(row["predicted_tokens"]) == alone["tokens"]
        np.testing.assert_allclose(
            together["token_log_probabilities"],
            alone["token_log_probabilities"],
            rtol=1e-4,
        )
    assert "predicted_token_log_probabilities" not in rows[0]


def test_the_sounds_of_a_folder_are_scored_beside_their_paths(
    speech_run, sound_files, score, tmp_path, capsys
):
    folder = tmp_path / "new"
    (folder / "more").mkdir(parents=True)
    shutil.copy(sound_files[0], folder / "a.WAV")
    (folder / "b.wav").write_bytes(b"RIFF no sound")
    shutil.copy(sound_files[1], folder / "more" / "c.wav")
    (folder / "notes.txt").write_text("no sound")
    rows, status = score("speech_commands", speech_run, folder)
    error = capsys.readouterr().err
    assert status == 1
    assert [row["file"] for row in rows] == [
        str(folder / name) for name in ("a.WAV", "b.wav", "more/c.wav")
    ]
    assert rows[1]["error"].startswith(f"{folder}/b.wav: not audio")
    assert rows[1]["error"] in error
    assert error.count("left out 1 entries") == 1
    answers = predictor_of("speech_commands", speech_run).predict(sound_files)
    for row, answer in zip((rows[0], rows[2]), answers, strict=True):
        assert row["predicted_label"] == answer["label"]
        p = float(row[f"probability_{answer['label']}"])
        assert p == pytest.approx(answer["probabilities"][answer["label"]])


def test_one_sound_or_a_list_of_them_is_scored(
    speech_run, sound_files, score, tmp_path
):
    run = speech_run
    (row,), status = score("speech_commands", run, sound_files[1])
    assert (row["file"], status) == (sound_files[1], 0)
    (tmp_path / "new.csv").write_text(f"id,file\n1,{sound_files[1]}\n2,none.wav\n")
    (own, missing), status = score("speech_commands", run, tmp_path / "new.csv")
    assert own["predicted_label"] == row["predicted_label"]
    assert missing["error"].endswith("new.csv:3: none.wav: there is no such file.")
    assert status == 1
    (tmp_path / "new.txt").write_text(f"{sound_files[1]}\n")
    assert score("speech_commands", run, tmp_path / "new.txt") == ([row], 0)


def test_questions_in_squads_format_need_no_answer(passage_run, score, tmp_path):
    context = "  In the year 1777, \U0001f600 Zoë was built of stone. It is tall."
    questions = [
        {"id": "q1", "question": "When was it built?"},
        {"id": "q2", "question": " "},
        {"question": "When was it built?", "answers": [{"text": "1777"}]},
    ]
    content = {"data": [{"paragraphs": [{"context": context, "qas": questions}]}]}
    (tmp_path / "new.json").write_text(json.dumps(content))
    run = passage_run
    rows, status = score("question_answering", run, tmp_path / "new.json")
    assert [row["id"] for row in rows] == ["q1", "q2", ""]
    assert rows[1]["error"] == f"{tmp_path}/new.json: question q2: no question."
    assert rows[2]["answers"] == '[{"text": "1777"}]'
    assert status == 1
    for row in (rows[0], rows[2]):
        start, end = int(row["predicted_start"]), int(row["predicted_end"])
        assert row["predicted_answer"] == "1777" == row["context"][start:end]


def test_a_passage_of_a_table_keeps_its_blanks_and_so_its_offsets(
    passage_run, score, tmp_path
):
    context = " \n In the year 1777, N1 ||| train was built of stone."
    with open(tmp_path / "new.csv", "w", newline="") as file:
        csv.writer(file).writerows(
            [["n", "question", "context"], [1, "When was ||| it built?", context]]
        )
    (row,), _ = score("question_answering", passage_run, tmp_path / "new.csv")
    assert (row["context"], row["question"]) == (context, "When was ||| it built?")
    start, end = int(row["predicted_start"]), int(row["predicted_end"])
    assert row["predicted_answer"] == context[start:end] == "1777"


def test_a_story_file_is_scored_question_by_question(question_run, score, tmp_path):
    (tmp_path / "new.txt").write_text(
        "1 Mary went to the garden.\n2 Where is Mary?\n3 John went to the office.\n"
        "4 Where is John? \toffice\t3\n1 John went to the kitchen.\n2 Where is John?\n"
    )
    run = question_run
    rows, status = score("question_answering", run, tmp_path / "new.txt")
    assert status == 0
    assert [(row["line"], row["answer"]) for row in rows] == [
        ("2", ""),
        ("4", "office"),
        ("6", ""),
    ]
    assert rows[1]["context"] == "Mary went to the garden. John went to the office"
    assert rows[2]["context"] == "John went to the kitchen"
    lines = [f"{row['context']} ||| {row['question']}" for row in rows]
    answers = predictor_of("question_answering", run).predict(lines)
    expected = [answer["answer"] for answer in answers]
    assert [row["predicted_answer"] for row in rows] == expected
    (tmp_path / "new.txt").write_text(f"{lines[0]}\nno question\n1 a. ||| b\n")
    rows, status = score("question_answering", run, tmp_path / "new.txt")
    assert [row["predicted_answer"] for row in rows][:2] == [expected[0], ""]
    assert "new.txt:2: Expected" in rows[1]["error"]
    assert status == 1


def test_a_story_file_with_a_broken_line_is_refused(question_run, tmp_path, capsys):
    (tmp_path / "new.txt").write_text("1 Mary went home.\n3 Where is Mary?\n")
    command = ["predict", f"run_directory={question_run}", "--file"]
    with pytest.raises(SystemExit) as ended:
        main(TASKS["question_answering"], [*command, str(tmp_path / "new.txt")])
    assert ended.value.code == 2
    assert "new.txt:2: expected a number and a sentence" in capsys.readouterr().err
