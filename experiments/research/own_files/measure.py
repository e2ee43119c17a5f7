"""Measures one method on one split of a set; each point is one line of JSON."""

import csv
import json
import subprocess
import sys
import time

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from apps.common.data.text import encoded, tokenize
from apps.common.metrics.baseline import fitted_probabilities
from apps.common.portable.run_files import METRICS
from experiments.research.own_files.sets import make

FIXED = [  # the recipe `files` until it adapted to the data
    *("data.vectors=random", "data.vector_words=0", "data.max_length=256"),
    *("train.epochs=8", "train.patience=3", "train.batch_size=32"),
    *("train.learning_rate=0.001", "train.average_momentum=0.99"),
    *("model.bag_of_words=false", "model.embedding_dropout=0.3"),
    *("model.units=64", "model.dropout=0.5"),
]
METHODS = {  # name: settings of the recipe `files`; None is TF-IDF
    "TF-IDF": None,
    "fixed": FIXED,
    "adapted": [],
}


def points(names, splits, methods, directory):
    """Yields the points, each a dictionary; those that the directory has are read.

    Args:
        names: Names of `SETS`.
        splits: Numbers of splits.
        methods: Names of `METHODS`.
        directory: Directory for data, run directories and `points.jsonl`.

    Raises:
        ValueError: If a training fails.
    """
    path = directory / "points.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    known = {_place(point): point for point in map(json.loads, lines)}
    for split in splits:
        for name in names:
            files = directory / "files" / name / str(split)
            make(name, split, files)
            for method in methods:
                place = {"set": name, "split": split, "method": method}
                if _place(place) not in known:
                    run = directory / "runs" / f"{name}-{split}-{method}"
                    began = time.monotonic()
                    accuracy = _accuracy(method, files, run)
                    seconds = round(time.monotonic() - began, 1)
                    point = {**place, "accuracy": accuracy, "seconds": seconds}
                    with open(path, "a", encoding="utf-8") as file:
                        file.write(json.dumps(point) + "\n")
                    known[_place(place)] = point
                yield known[_place(place)]


def _place(point):
    return point["set"], point["split"], point["method"]


def _accuracy(method, files, run):
    """Returns the accuracy of a method on the test file."""
    if METHODS[method] is None:
        return tf_idf_accuracy(files)
    words = ["-m", "experiments.sentiment", "files", "train", "evaluate"]
    words += [
        f"data.file={files / 'train.csv'}",
        f"data.test_file={files / 'test.csv'}",
    ]
    words += [*METHODS[method], f"run_directory={run}"]
    if subprocess.run([sys.executable, *words], stdout=sys.stderr).returncode:
        raise ValueError(f"{run}: the training failed. See its output above.")
    metrics = json.loads((run / METRICS).read_text(encoding="utf-8"))
    return round(metrics["accuracy"], 4)


def tf_idf_accuracy(files):
    """Returns the accuracy of logistic regression on the TF-IDF of words.

    It learns from all rows of the file, has the tokens of docs/tokens.md, and otherwise
    the settings of scikit-learn. (With bigrams it is worse on most of the sets.)

    Args:
        files: Directory with `train.csv` and `test.csv`.
    """
    (x, labels), (y, targets) = (_read(files / f"{n}.csv") for n in ("train", "test"))
    vectorizer = TfidfVectorizer(analyzer=list)  # the tokens are the features
    names, label_ids = np.unique(labels, return_inverse=True)
    probabilities = fitted_probabilities(
        vectorizer.fit_transform(x), label_ids, vectorizer.transform(y), len(names)
    )
    right = names[probabilities.argmax(axis=-1)] == np.array(targets)
    return round(float(right.mean()), 4)


def _read(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tokens = tokenize(encoded([row["text"] for row in rows])).to_list()
    return [[t.decode() for t in row] for row in tokens], [r["label"] for r in rows]
