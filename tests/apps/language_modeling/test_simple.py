"""A language model of simple recurrent layers: what it does, and what it refuses."""

import re
from dataclasses import asdict, replace

import numpy as np
import pytest
import tensorflow as tf

from apps.common.config import load_run_config, save_config
from apps.common.data.vocabulary import Vocabulary
from apps.common.export.litert.export import write_litert
from apps.common.export.onnx.export import write_onnx
from apps.common.layers.state import zero_state
from apps.language_modeling.config import Config, ModelConfig
from apps.language_modeling.explain import explain
from apps.language_modeling.export import device_inputs, examples
from apps.language_modeling.model import build_model
from apps.language_modeling.predict import Predictor

WORDS = ["<eos>", "the", "city", "lies", "on", "river", "."]
LINE = "model.cell=simple: a simple recurrent network"


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    """The predictor of an untrained network with random weights."""
    settings = ModelConfig(
        cell="simple",
        embedding_dim=4,
        units=6,
        num_layers=2,
        softmax_dtype="float32",
    )
    directory = tmp_path_factory.mktemp("simple")
    predictor = Predictor(directory, replace(Config(), model=settings))
    predictor.vocabulary = Vocabulary(WORDS, 2)
    predictor.model = build_model(len(predictor.vocabulary), **asdict(settings))
    rng = np.random.default_rng(3)
    weights = predictor.model.get_weights()
    predictor.model.set_weights([rng.normal(size=w.shape) for w in weights])
    return predictor


def test_its_signatures_are_those_without_gates_and_carry_h_alone(predictor):
    names = ["serving_default", "generate", "stream", "step"]
    assert list(predictor.signatures()) == list(examples(predictor)) == names
    inputs = examples(predictor)["step"]
    assert sorted(inputs) == ["h_1", "h_2", "token_ids"]
    outputs = predictor.step(*inputs.values())
    ids = tf.constant(inputs["token_ids"][:, np.newaxis])
    logits, h_1, h_2 = predictor.model([ids, *zero_state(predictor.model, len(ids))])
    np.testing.assert_allclose(outputs["logits"], logits[:, 0], atol=1e-6)
    np.testing.assert_allclose(outputs["h_1"], h_1, atol=1e-6)
    np.testing.assert_allclose(outputs["h_2"], h_2, atol=1e-6)


def test_it_scores_and_continues_texts(predictor):
    (answer,) = predictor.predict(["The city lies on the river."])
    assert answer["tokens"] == 8  # with the end
    assert sum(answer["token_log_probabilities"]) == pytest.approx(
        answer["log_probability"], rel=1e-5
    )
    text = predictor.generate(**examples(predictor)["generate"])["text"]
    words = re.findall(r"[a-z]+|\.", b" ".join(text.numpy()).decode())
    assert words
    assert set(words) <= set(WORDS)


def test_its_gates_are_refused(predictor, tmp_path):
    with pytest.raises(ValueError, match=rf"^{LINE} has no gates to show\. Take a run"):
        explain(predictor, ["The city."])


def test_it_is_exported_for_tensorflow_alone(predictor, tmp_path, capsys):
    write_onnx(tmp_path, predictor, predictor.signatures(), examples(predictor))
    write_litert(tmp_path, predictor, device_inputs)
    assert list(tmp_path.iterdir()) == []
    onnx, litert = capsys.readouterr().err.splitlines()
    reason = f"{LINE} is written for TensorFlow alone. Take a run with model.cell=lstm."
    assert onnx == f"{predictor.directory}: exported without onnx/: {reason}"
    assert litert == f"No LiteRT files: {reason}"


def test_a_run_from_before_there_was_a_choice_is_one_of_lstms(tmp_path):
    path = tmp_path / "config.yaml"
    save_config(Config(), path)
    lines = path.read_text().splitlines()
    older = [line for line in lines if line.strip() != "cell: lstm"]
    assert len(older) == len(lines) - 1
    path.write_text("\n".join(older))
    assert load_run_config(Config, path) == Config()
