"""bAbI's files and SQuAD's: what is read, and what is refused."""

import json
from dataclasses import replace

import pytest
import tensorflow as tf

from apps.question_answering import sources
from apps.question_answering.config import DataConfig
from apps.question_answering.data import load_data
from apps.question_answering.sources import babi_lines, read_json


@pytest.fixture
def config(babi_folder):
    return DataConfig(dataset="babi", directory=str(babi_folder))


def test_babi_is_read_and_a_tenth_of_its_training_stories_validates(config, capsys):
    data = load_data(config)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [270, 30, 60]
    assert "Skipped tasks [3]: the train or test" in capsys.readouterr().out
    story = data.test[1]
    assert len(story.sentences) == 2
    assert story.task == "1 single supporting fact"
    assert story.answer in ("kitchen", "garden", "office")
    assert data.labels == ["garden", "kitchen", "office"]


def test_the_facts_are_read_for_the_test_split_alone(config):
    data = load_data(config)
    assert {story.facts for story in (*data.train, *data.validation)} == {()}
    for story in data.test:
        (fact,) = story.facts
        assert story.answer in story.sentences[fact]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("3", r"file of task 3\. Complete tasks: 1\."),
        ("1,99", "task 99"),
        ("one", 'expected "all" or numbers'),
    ],
)
def test_a_task_that_is_not_there_is_refused(config, tasks, message):
    with pytest.raises(ValueError, match=message):
        load_data(replace(config, tasks=tasks))


def test_a_folder_without_files_is_refused(tmp_path):
    for directory in ("", str(tmp_path)):
        with pytest.raises(ValueError, match=r"data\.directory: expected the folder"):
            load_data(DataConfig(dataset="babi", directory=directory))


@pytest.mark.parametrize(
    "line",
    [
        *("no number here", "2 Where?\ta\t1\tmore", "7 Does not begin with 1."),
        *("2 Where is Mary? \t", "2 Where?\t\t1", "2 Where?", "3 Skips a number."),
        "2 No question.\tyes\t1",
    ],
)
def test_a_broken_line_is_named(tmp_path, line):
    good = "1 Mary went home.\n2 Where is Mary?\thome\t1\n"
    first = line if line.startswith("7") else "1 A.\n" + line
    (tmp_path / "qa1_a_train.txt").write_text(first + "\n" + good)
    (tmp_path / "qa1_a_test.txt").write_text(good)
    number = 1 if line.startswith("7") else 2
    with pytest.raises(ValueError, match=rf"qa1_a_train\.txt:{number}: expected a num"):
        load_data(DataConfig(dataset="babi", directory=str(tmp_path)))


def test_articles_are_in_one_split_each(articles_folder):
    data = load_data(DataConfig(dataset="files", directory=str(articles_folder)))
    titles = [{p.name.split("-")[0] for p in s} for s in (data.train, data.validation)]
    assert not titles[0] & titles[1]
    assert len(data.train) + len(data.validation) == 24 * 16
    assert len(data.test) == 3 * 16
    assert data.labels == []
    file = str(articles_folder / "train.json")
    data = load_data(DataConfig(dataset="files", file=file))
    counts = [len(s) for s in (data.train, data.validation, data.test)]
    assert sum(counts) == 24 * 16
    assert min(counts) > 0


def one(**changes):
    row = {
        "id": 7,
        "question": "What?",
        "answers": [{"text": "stone", "answer_start": 4}],
        **changes,
    }
    paragraph = {"context": "\u00c4 i stone.", "qas": [row]}
    return {"data": [{"title": "a", "paragraphs": [paragraph]}]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            one(answers=[{"text": "stone", "answer_start": 5}]),
            "'stone' at character 5",
        ),
        (one(answers=[]), "question 7 has no answer"),
        (one(answers=[{"text": " ", "answer_start": 2}]), "the answer ' ' is blank"),
        (
            one(answers=[{"text": "\u200b", "answer_start": 2}]),
            r"the answer '\\u200b' is blank",
        ),
        (
            one(answers=[{"text": "stone", "answer_start": -6}]),
            "'stone' at character -6",
        ),
        (one(answers=[{"text": "stone"}]), "not in the format.*'answer_start'"),
        (one(question=None), "question 7: not in the format.*None is not a string"),
        ({"data": 3}, "not in the format"),
        ([], "not in the format"),
    ],
)
def test_wrong_articles_are_refused(tmp_path, content, message):
    for name in ("train", "validation"):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    config = DataConfig(dataset="files", directory=str(tmp_path))
    with pytest.raises(ValueError, match=message):
        load_data(config, ("test",))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"data\.file: expected a JSON file"):
        load_data(DataConfig(dataset="files"))
    with pytest.raises(ValueError, match="there is no such file"):
        load_data(DataConfig(dataset="files", file=str(tmp_path / "no.json")))
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match="not JSON"):
        load_data(DataConfig(dataset="files", file=str(tmp_path / "a.json")))


def test_squad_is_read_by_its_own_names(monkeypatch):
    def load(name, split):
        assert name == "squad/v1.1"
        rows = [
            {
                "title": f"{split} {number}",
                "context": "It was built of stone.",
                "question": "Of what?",
                "id": str(number),
                "answers": {"text": ["stone", "of stone"], "answer_start": [16, 13]},
            }
            for number in range(30)
        ]
        return _Rows(rows)

    monkeypatch.setattr(sources, "load_dataset", load)
    data = load_data(DataConfig(dataset="squad"))
    assert len(data.test) == 30
    assert len(data.train) + len(data.validation) == 30
    assert data.validation
    assert data.test[0].answers == ("stone", "of stone")
    assert data.test[0].start == 16


class _Rows:
    def __init__(self, rows):
        self.rows = rows

    def as_numpy_iterator(self):
        def plain(value):
            if isinstance(value, dict):
                return {k: plain(v) for k, v in value.items()}
            return tf.constant(value).numpy()

        return map(plain, self.rows)


def test_faulty_questions_are_left_out_and_listed_once(
    articles_folder, tmp_path, capsys
):
    articles = json.loads((articles_folder / "train.json").read_text())
    questions = [
        question
        for article in articles["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]
    questions[0]["answers"] = []
    questions[7]["answers"][0]["answer_start"] += 1
    del questions[9]["question"]
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps(articles, ensure_ascii=False).encode("utf-16"))
    options = {"dataset": "files", "file": str(path), "encoding": "utf-16"}
    with pytest.raises(ValueError, match=r"has no answer.*set data\.skip_bad_rows=tr"):
        load_data(DataConfig(**options))
    data = load_data(DataConfig(skip_bad_rows=True, **options))
    kept = [p.name for s in (data.train, data.validation, data.test) for p in s]
    left_out = {str(questions[n]["id"]) for n in (0, 7, 9)}
    assert sorted(kept) == sorted({str(q["id"]) for q in questions} - left_out)
    heading, *listed = capsys.readouterr().err.splitlines()
    assert heading == f"{path}: left out 3 of {len(questions)} questions:"
    assert "has no answer." in listed[0]
    assert "expected its answer" in listed[1]
    assert "Missing, or of the wrong type: 'question'." in listed[2]


def test_a_fault_in_a_question_of_the_test_split_is_found_in_training(
    articles_folder, tmp_path
):
    path, content = tmp_path / "a.json", (articles_folder / "train.json").read_text()
    path.write_text(content)
    config = DataConfig(dataset="files", file=str(path))
    name = load_data(config, ("test",)).test[0].name
    articles = json.loads(content)
    for article in articles["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                if str(question["id"]) == name:
                    question["answers"] = []
    path.write_text(json.dumps(articles))
    with pytest.raises(ValueError, match=f"question {name} has no answer"):
        load_data(config, ("train",))


def test_babi_is_read_in_another_encoding(babi_folder, tmp_path, config):
    for path in babi_folder.glob("qa1_*.txt"):
        (tmp_path / path.name).write_bytes(path.read_text().encode("utf-16"))
    changed = replace(config, directory=str(tmp_path), encoding="utf-16")
    assert load_data(changed).test == load_data(config).test


@pytest.mark.parametrize("mark", ["?", "\uff1f", "\u061f"])
def test_a_question_of_a_story_may_end_with_the_mark_of_its_script(mark, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(f"1 玛丽去了家。\n2 玛丽在哪里{mark}\t家\t1\n", encoding="utf-8")
    assert [line.answer for line in babi_lines(path, "utf-8")] == [None, "家"]


@pytest.mark.parametrize(
    "content", ['{"a": 1, "a": 2}', "[1e999]", "[NaN]", "[" * 10**5]
)
def test_json_that_is_ambiguous_or_too_deep_is_refused_in_one_line(content, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"a\.json: ") as caught:
        read_json(path, "utf-8")
    assert "\n" not in str(caught.value)
