"""The exported model takes raw texts and answers as the run does."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from apps.sentiment.export import export
from apps.sentiment.predict import Predictor

TEXTS = ["a good film", "", "Not dull. It's lovely!", "😀", "word " * 5000]


@pytest.fixture(scope="module")
def version(finished_run):
    return finished_run / "export" / "sentiment" / "1"


@pytest.fixture(scope="module")
def loaded(version):
    return tf.saved_model.load(str(version))


def test_the_first_export_is_version_1(version):
    assert [path.name for path in version.parent.iterdir()] == ["1"]
    assert (version / "saved_model.pb").exists()


def test_a_second_export_says_so_and_gives_the_same_path(finished_run, version, capsys):
    assert export(Predictor.load(finished_run)) == version
    message = f"{version} is exported already. Delete it to export again.\n"
    assert capsys.readouterr().out == message
    assert [path.name for path in version.parent.iterdir()] == ["1"]


def test_exported_answers_are_those_of_predict(finished_run, loaded):
    answers = loaded.signatures["serving_default"](text=tf.constant(TEXTS))
    expected = Predictor.load(finished_run).predict(TEXTS)
    labels = [label.decode() for label in answers["label"].numpy()]
    assert labels == [answer["label"] for answer in expected]
    np.testing.assert_allclose(
        answers["probabilities"],
        [list(answer["probabilities"].values()) for answer in expected],
        rtol=1e-5,
        atol=1e-5,
    )


def test_the_signature_takes_texts_and_names_its_answers(loaded):
    assert set(loaded.signatures) == {"serving_default", "gates"}
    signature = loaded.signatures["serving_default"]
    (arguments, inputs) = signature.structured_input_signature
    assert (arguments, list(inputs)) == ((), ["text"])
    assert (inputs["text"].dtype, inputs["text"].shape.rank) == (tf.string, 1)
    outputs = signature.structured_outputs
    assert outputs["label"].dtype == tf.string
    assert outputs["probabilities"].dtype == tf.float32
    assert outputs["probabilities"].shape.as_list() == [None, 2]


def test_bytes_that_are_not_utf8_are_answered(loaded):
    answers = loaded.signatures["serving_default"](text=tf.constant([b"caf\xe9", b""]))
    assert np.isfinite(answers["probabilities"]).all()


def test_the_warm_up_requests_are_prediction_logs_of_the_signature(version, loaded):
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record)
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    assert 1 <= len(logs) <= 1000
    for log in logs:
        request = log.predict_log.request
        assert request.model_spec.name == "sentiment"
        signature = loaded.signatures[request.model_spec.signature_name]
        inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        assert signature(**{k: tf.constant(v) for k, v in inputs.items()})


def test_an_unfinished_run_is_not_exported(tmp_path):
    with pytest.raises(ValueError, match="is not a run"):
        export(Predictor.load(tmp_path))
    assert list(tmp_path.iterdir()) == []
