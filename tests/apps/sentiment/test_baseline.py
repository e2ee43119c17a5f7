"""The baseline of sentiment: it learns from the training split alone."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from apps.common.data.vocabulary import Vocabulary
from apps.sentiment import baseline
from apps.sentiment.baseline import measure_baseline
from apps.sentiment.config import DataConfig
from apps.sentiment.data import load_data

WORDS = {"bad": ("dull", "坏"), "good": ("warm", "好")}
LABELS = ["bad", "good"]


@pytest.fixture
def config(tmp_path):
    """Texts of which one token says the label; the test texts have other neighbours."""
    for name, count in (("train", 60), ("test", 12)):
        with open(tmp_path / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            for n in range(count):
                label = LABELS[n % 2]
                writer.writerow([f"{WORDS[label][0]} {name}{n} film", label])
    return DataConfig(
        dataset="files",
        file=str(tmp_path / "train.csv"),
        test_file=str(tmp_path / "test.csv"),
    )


def test_labels_that_one_word_says_are_all_right(config):
    test = load_data(config, ("test",), LABELS).test
    found = measure_baseline(config, test, LABELS, Vocabulary(["a"]))
    count = len(load_data(config, ("train",), LABELS, Vocabulary(["a"])).train.texts)
    name = f"TF-IDF, logistic regression on {count} texts"
    ones = dict.fromkeys(("accuracy", "f1", "roc_auc", "validation_accuracy"), 1.0)
    assert found == {"name": name, **ones}


def test_it_has_not_seen_the_labels_of_the_test_split(config):
    test = load_data(config, ("test",), LABELS).test
    turned = replace(test, labels=1 - test.labels)
    found = measure_baseline(config, turned, LABELS, Vocabulary(["a"]))
    assert (found["accuracy"], found["validation_accuracy"]) == (0.0, 1.0)


def test_of_many_texts_it_takes_some_of_each_label(config, monkeypatch):
    monkeypatch.setattr(baseline, "MAX_TEXTS", 20)
    test = load_data(config, ("test",), LABELS).test
    found = measure_baseline(config, test, LABELS, Vocabulary(["a"]))
    assert found["name"].endswith("on 20 texts")
    assert found["accuracy"] == 1.0
    assert np.unique(test.labels).tolist() == [0, 1]
