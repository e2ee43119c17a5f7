"""Parts of a finished run are loaded on first access; inputs are batched by length."""

import importlib
import json

import numpy as np
import pytest
import tensorflow as tf

from apps.common.answers import answer_all
from apps.common.portable.run_files import CONFIG, METRICS, MODEL
from apps.common.predictor import Predictor, part

APPS = (
    "language_modeling",
    "question_answering",
    "sentiment",
    "speech_commands",
    "summarization",
)


def untrained(app, directory):
    """Returns the predictor of a directory without a model."""
    config_class = importlib.import_module(f"apps.{app}.config").Config
    predictor_class = importlib.import_module(f"apps.{app}.predict").Predictor
    return predictor_class(directory, config_class())


def parts(predictor):
    """Returns the names of the parts that are loaded."""
    return set(vars(predictor)) - {"directory", "config"}


def test_a_part_is_read_when_asked_for_and_then_kept(tmp_path, monkeypatch):
    read = []

    def load_model(directory):
        read.append(directory)
        return object()

    monkeypatch.setattr("apps.common.predictor.load_model", load_model)
    predictor = Predictor(str(tmp_path), None)
    assert read == []
    model = predictor.model
    assert predictor.model is model
    assert read == [tmp_path]
    (tmp_path / "labels.txt").write_text("bad\ngood\n")
    assert predictor.labels == ["bad", "good"]
    (tmp_path / "labels.txt").unlink()
    assert predictor.labels == ["bad", "good"]
    assert parts(predictor) == {"model", "labels"}


def test_a_part_that_is_first_asked_for_in_a_graph_serves_the_next_one_too(tmp_path):
    class Small(Predictor):
        @part
        def start(self):
            """Three."""
            return tf.constant(3)

    predictor = Small(tmp_path, None)
    plus = [tf.function(lambda x: x + predictor.start) for _ in range(2)]
    assert [int(function(tf.constant(4))) for function in plus] == [7, 7]
    assert int(predictor.start) == 3
    assert Small.start.__doc__ == "Three."


@pytest.mark.parametrize("app", APPS)
def test_an_evaluated_run_is_evaluated_again_without_its_model(app, tmp_path):
    (tmp_path / METRICS).write_text(json.dumps({"accuracy": 0.25}))
    predictor = untrained(app, tmp_path)
    evaluate = importlib.import_module(f"apps.{app}.evaluate").evaluate
    assert evaluate(predictor) == {"accuracy": 0.25}
    assert parts(predictor) == set()


@pytest.mark.parametrize("app", APPS)
def test_an_exported_run_is_exported_again_without_its_model(app, tmp_path, capsys):
    version = tmp_path / "export" / app / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    predictor = untrained(app, tmp_path)
    export = importlib.import_module(f"apps.{app}.export").export
    assert export(predictor) == version
    message = (
        f"{version} is exported already, without onnx/. Delete it to export again."
    )
    assert capsys.readouterr().out == f"{message}\n"
    assert parts(predictor) == set()


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize(
    ("files", "expected"),
    [((), f"is not a run: it has no {CONFIG}"), ((CONFIG,), "is not finished")],
    ids=["empty", "in training"],
)
def test_what_is_no_finished_run_is_refused_in_one_line(app, files, expected, tmp_path):
    for name in files:
        (tmp_path / name).write_text("{}")
    predictor_class = importlib.import_module(f"apps.{app}.predict").Predictor
    with pytest.raises(ValueError, match=expected) as caught:
        predictor_class.load(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path} ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("app", APPS)
def test_a_finished_run_is_loaded_with_its_configuration_alone(app, tmp_path):
    (tmp_path / CONFIG).write_text("train: {seed: 5}\n")
    (tmp_path / MODEL).touch()
    predictor_class = importlib.import_module(f"apps.{app}.predict").Predictor
    predictor = predictor_class.load(str(tmp_path))
    assert predictor.directory == tmp_path
    assert predictor.config.train.seed == 5
    assert parts(predictor) == set()


@pytest.mark.parametrize("batch_size", [1, 3, 7, 20])
def test_answers_are_in_the_order_of_the_inputs_and_like_lengths_go_together(
    batch_size,
):
    """Of seven texts, 3 leaves an incomplete batch, and 20 is more than all."""
    texts = ["a" * 4, "b" * 9, "c", "d" * 6, "", "e" * 4, b"\xff" * 2]
    questions = ["1", "2", "3", "4", "5", "6", "7"]
    seen = []

    def answer(text, number):
        seen.append(tf.strings.length(text).numpy().tolist())
        return {"text": text, "pair": tf.stack([text, number], axis=1)}

    rows = answer_all(answer, texts, questions, batch_size=batch_size, unit="text")
    given = [t if isinstance(t, bytes) else t.encode() for t in texts]
    assert [row["text"] for row in rows] == given
    numbers = [row["pair"].tolist() for row in rows]
    assert numbers == [[t, n.encode()] for t, n in zip(given, questions, strict=True)]
    lengths = sorted(map(len, texts))
    starts = range(0, len(texts), batch_size)
    assert seen == [lengths[start : start + batch_size] for start in starts]


def test_few_long_inputs_go_together_and_more_short_ones():
    texts, seen = ["a" * size for size in (30, 3, 2, 11, 4, 10)], []

    def answer(text):
        seen.append(tf.strings.length(text).numpy().tolist())
        return {"text": text}

    rows = answer_all(answer, texts, batch_size=3, characters=20)
    assert seen == [[2, 3, 4], [10], [11], [30]]
    assert [row["text"].decode() for row in rows] == texts


def test_of_no_inputs_there_are_no_answers():
    assert answer_all(None, [], batch_size=2, unit="text") == []


def test_half_a_character_and_numbers_are_answered():
    rows = answer_all(
        lambda text: {"n": tf.strings.length(text)}, ["\ud83d"], batch_size=2, unit="x"
    )
    np.testing.assert_array_equal(rows[0]["n"], 1)
