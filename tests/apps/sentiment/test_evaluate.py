"""Measuring a finished run once, and answers to the user's own texts."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import yaml

from apps.common.finished import read_history
from apps.sentiment import evaluate as module
from apps.sentiment.data import split_of
from apps.sentiment.evaluate import evaluate
from apps.sentiment.predict import Predictor

TEXTS = [
    "good film",
    "",
    "the story was dull and the plot awful " * 30,
    "word " * 100_000,
    "😀",
    "good film",
    "Two\nlines, <br /> and \u201cquotes\u201d",
    "\ud83d cut",
]


@pytest.fixture
def run(finished_run, tmp_path):
    """A copy of the finished run, to be changed."""
    return shutil.copytree(finished_run, tmp_path / "run")


@pytest.fixture(scope="module")
def predictor(finished_run):
    return Predictor.load(finished_run)


@pytest.fixture(scope="module")
def answers(predictor):
    return predictor.predict(TEXTS)


def test_evaluate_writes_what_a_run_reached(predictor, finished_run, reviews_csv):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert (metrics["dataset"], metrics["split"]) == ("files", "test")
    assert predictor.config.data.file == str(reviews_csv)
    assert metrics["parameters"] == predictor.model.count_params()
    assert 0 < metrics["train_minutes"] < 10
    assert predictor.labels == list(metrics["by_label"])
    assert metrics["examples"] == np.sum(metrics["confusion_matrix"])


def test_the_accuracy_is_that_of_predict_on_the_test_rows(
    predictor, finished_run, reviews_csv
):
    with open(reviews_csv, newline="") as file:
        rows = list(csv.DictReader(file))
    rows = [row for row in rows if split_of(row["text"]) == "test"]
    answers = predictor.predict([row["text"] for row in rows])
    right = [a["label"] == row["label"] for a, row in zip(answers, rows, strict=True)]
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert metrics["examples"] == len(rows)
    assert metrics["accuracy"] == pytest.approx(np.mean(right))


@pytest.mark.parametrize(
    "name", ["learning.png", "confusion.png", "roc.png", "calibration.png"]
)
def test_evaluate_draws(name, finished_run):
    assert (finished_run / name).read_bytes().startswith(b"\x89PNG")


def test_a_run_that_has_its_metrics_keeps_them(run, monkeypatch, capsys):
    monkeypatch.setattr(module, "load_data", None)  # the test split is read once
    (run / "metrics.json").write_text('{"accuracy": 0.25}')
    assert evaluate(Predictor.load(run)) == {"accuracy": 0.25}
    assert "evaluated already" in capsys.readouterr().out
    assert (run / "metrics.json").read_text() == '{"accuracy": 0.25}'


def test_the_most_confident_mistake_comes_first(run, predictor, tmp_path):
    """Measured on a test file on which every answer counts as wrong."""
    other = {"negative": "positive", "positive": "negative"}
    texts = ["a good film", "bad, bad plot", "it was, and it was", "  "]
    answers = predictor.predict(texts)
    with open(tmp_path / "test.csv", "w", newline="") as file:
        rows = [[a["text"], other[a["label"]]] for a in answers]
        csv.writer(file).writerows([["text", "label"], *rows])
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"]["test_file"] = str(tmp_path / "test.csv")
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    (run / "metrics.json").unlink()
    assert evaluate(Predictor.load(run))["accuracy"] == 0
    with open(run / "mistakes.csv", newline="", encoding="utf-8") as file:
        mistakes = list(csv.DictReader(file))
    answers.sort(key=lambda answer: -max(answer["probabilities"].values()))
    assert [row["text"] for row in mistakes] == [a["text"] for a in answers]
    for row, answer in zip(mistakes, answers, strict=True):
        assert row["predicted"] == answer["label"]
        assert row["label"] == other[answer["label"]]
        highest = max(answer["probabilities"].values())
        assert float(row["probability"]) == pytest.approx(highest, abs=1e-4)


def test_without_the_training_file_it_measures_the_model_and_says_what_is_left_out(
    run, tmp_path, capsys
):
    (tmp_path / "test.csv").write_text(
        "text,label\na good film,positive\nbad,negative\n"
    )
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"] |= {"test_file": str(tmp_path / "test.csv"), "file": "gone.csv"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    (run / "metrics.json").unlink()
    metrics = evaluate(Predictor.load(run))
    assert (metrics["examples"], metrics["baseline"]) == (2, None)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Measured without a baseline, which needs the training")
    assert "gone.csv" in line


@pytest.mark.parametrize("better", [True, False])
def test_evaluate_says_if_tf_idf_is_better_on_the_validation_split(
    better, run, monkeypatch, capsys
):
    baseline = {"name": "TF-IDF", "validation_accuracy": 1.01 if better else 0.0}
    monkeypatch.setattr(module, "measure_baseline", lambda *arguments: baseline)
    (run / "metrics.json").unlink()
    metrics = evaluate(Predictor.load(run))
    history = read_history(run)
    best = max(row["val_accuracy"] for row in history)
    assert metrics["validation_accuracy"] == pytest.approx(best, abs=1e-6)
    lines = [
        "TF-IDF with logistic regression is better than this model on the validation "
        f"split: accuracy 1.0100, the model's {best:.4f}.",
        "Train with model.bag_of_words=true, which adds it to the model.",
    ]
    assert capsys.readouterr().out.splitlines() == (lines if better else [])


@pytest.mark.parametrize(
    ("kept", "accuracy", "said"), [(True, 0.7, True), (True, 0.8, False), (False, 0, 0)]
)
def test_a_bag_of_words_is_compared_by_what_it_had_before_it_saw_the_split(
    kept, accuracy, said, run, monkeypatch, capsys
):
    baseline = {"name": "TF-IDF", "validation_accuracy": 0.75}
    monkeypatch.setattr(module, "measure_baseline", lambda *arguments: baseline)
    (run / "metrics.json").unlink()
    predictor = Predictor.load(run)
    model = replace(predictor.config.model, bag_of_words=True)
    predictor.config = replace(predictor.config, model=model)
    if kept:
        (run / "bag_of_words.json").write_text(json.dumps({"both": accuracy}))
    metrics = module.measure_test(predictor)[0]
    assert metrics["validation_accuracy"] == (accuracy if kept else None)
    assert ("TF-IDF with logistic regression" in capsys.readouterr().out) == said


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("model.keras", "is not finished"), ("config.yaml", "is not a run")],
)
def test_what_is_no_finished_run_is_refused(missing, expected, run):
    (run / missing).unlink()
    (run / "metrics.json").unlink()
    with pytest.raises(ValueError, match=expected):
        Predictor.load(run)


def test_answers_come_in_the_order_of_the_texts(answers):
    assert [answer["text"] for answer in answers] == TEXTS
    assert answers[0] == answers[5]


def test_an_answer_is_the_label_of_the_highest_of_probabilities_that_sum_to_1(answers):
    for answer in answers:
        probabilities = answer["probabilities"]
        assert list(probabilities) == ["negative", "positive"]
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-6)
        assert answer["label"] == max(probabilities, key=probabilities.get)


@pytest.mark.filterwarnings("ignore:.*The structure of `inputs`")
def test_an_answer_is_the_softmax_of_the_logits_of_the_text_alone(
    answers, predictor, sentiment_config
):
    model, vocabulary = predictor.model, predictor.vocabulary
    most = sentiment_config.data.max_length
    for answer in answers:
        text = answer["text"].encode("utf-8", "replace")
        ids = vocabulary.token_ids(tf.constant([text]), most).to_tensor().numpy()
        expected = tf.nn.softmax(model(np.pad(ids, ((0, 0), (0, 1)))))[0]
        probabilities = list(answer["probabilities"].values())
        np.testing.assert_allclose(probabilities, expected, rtol=1e-4, atol=1e-5)
