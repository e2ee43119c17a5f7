"""The page's models compute what the trained ones compute."""

import keras
import numpy as np
import pytest

from apps.common.export.cell import cell_weights
from apps.common.export.quantized import floats, quantize
from apps.common.portable.tokens import tokenize
from apps.language_modeling.export import cell_data as language_model
from apps.sentiment.export import cell_data as sentiment_model
from experiments.explainer.quantized import quantization_cost, round_vectors
from experiments.explainer.simple import simple_model
from lstm_layer import LSTM
from lstm_layer.gates import record_gates
from tests.experiments.explainer.chromium import evaluate
from tests.experiments.explainer.tiny import WORDS, language_model_run, sentiment_run
from tests.serving.web_browser import needs_browser

TEXT = "I live in Spain, I like playing football: I speak"
READ = """({ LanguageModel, SentimentModel }, [app, data, text]) => {
    const model = new { LanguageModel, SentimentModel }[app](data);
    const tokens = model.tokens(text);
    return { tokens, ...model.read(tokens) }; }"""
MODELS = {"models.js": ["LanguageModel", "SentimentModel"]}


def _ids(tokens):
    return [WORDS.index(token) if token in WORDS else 1 for token in tokens]


def _compare(read, outputs, gates, logits):
    """Compares what the page read with what Keras computed from rounded vectors."""
    assert sorted(read["layers"]) == sorted(gates)
    for name, steps in read["layers"].items():
        for value in ("f", "i", "c_tilde", "c", "o", "h"):
            expected = keras.ops.convert_to_numpy(getattr(gates[name], value))[0]
            found = [step[value] for step in steps]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    shares = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    np.testing.assert_allclose(read["answer"]["shares"], shares, rtol=0, atol=1e-5)


@needs_browser
def test_the_language_model_computes_what_keras_computes(browser):
    run = language_model_run()
    read = evaluate(browser, MODELS, READ, ["LanguageModel", language_model(run), TEXT])
    ids = [run.start, *_ids(tokenize(TEXT, run.vocabulary.rules))]
    assert [token["id"] for token in read["tokens"]] == ids
    assert ids.count(1) == 2  # "spain" and ":"
    round_vectors(run.model.get_layer("embedding"))
    zeros = np.zeros((1, 5), "float32")
    outputs, gates = record_gates(lambda: run.model([np.array([ids]), zeros, zeros]))
    _compare(read, outputs, gates, outputs[0][0, -1])
    assert read["answer"]["names"] == WORDS


@needs_browser
def test_the_sentiment_model_computes_what_keras_computes(browser):
    run = sentiment_run()
    read = evaluate(
        browser, MODELS, READ, ["SentimentModel", sentiment_model(run), TEXT]
    )
    longest = run.config.data.max_length
    ids = _ids(tokenize(TEXT, run.vocabulary.rules))
    assert longest < len(ids)
    assert [token["id"] for token in read["tokens"]] == ids[:longest]
    round_vectors(run.model.get_layer("embedding"))
    logits, gates = record_gates(lambda: run.model(np.array([ids[:longest]])))
    assert len(gates) == 4
    _compare(read, logits, gates, logits[0])
    assert read["answer"]["names"] == run.labels


def test_a_vector_is_rounded_by_at_most_half_a_step():
    vectors = np.random.default_rng(5).normal(0, 1, (40, 7)).astype("float32")
    vectors[3] = 0
    integers, scales = quantize(vectors)
    assert integers.dtype == np.int8
    assert np.abs(integers).max(axis=1).tolist() == [127] * 3 + [0] + [127] * 36
    rounded = integers * scales[:, np.newaxis]
    assert (np.abs(rounded - vectors) <= 0.501 * scales[:, np.newaxis]).all()


def test_the_cost_of_a_simple_network_is_that_of_its_states_and_answer():
    run = language_model_run("simple")
    ids = np.array([[run.start, *_ids(["i", "live"])]])
    inputs = [ids, np.zeros((1, 5), "float32")]
    states = keras.Model(run.model.inputs, run.model.get_layer("simple_1").output[0])
    exact = states(inputs)
    cost = quantization_cost(run, "I live")
    assert sorted(cost) == ["h", "probability"]
    round_vectors(run.model.get_layer("embedding"))
    expected = np.abs(np.array(states(inputs)) - np.array(exact)).max()
    assert cost["h"] == pytest.approx(expected, rel=1e-5)
    assert 0 < cost["probability"] < 0.02


@pytest.mark.parametrize("make", [language_model_run, sentiment_run])
def test_the_cost_of_rounding_is_measured_and_small(make):
    run = make()
    before = run.model.get_weights()
    cost = quantization_cost(run, "I live in France")
    assert 0 < cost["h"] < 0.02
    assert 0 < cost["c"] < 0.05
    assert 0 < cost["probability"] < 0.02
    for one, other in zip(before, run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_the_page_cannot_compute_is_refused():
    with pytest.raises(
        ValueError, match=r"runs/b: .* computes model.pooling=max alone"
    ):
        sentiment_model(sentiment_run("mean"))
    run = language_model_run()
    run.vocabulary.rules = 1
    with pytest.raises(ValueError, match=r"runs/a: .* by version 1 of the rules"):
        language_model(run)
    run = language_model_run()
    run.tokenization = "characters"
    with pytest.raises(ValueError, match=r"runs/a: .* reads words, .* 'characters'"):
        language_model(run)


def test_a_network_that_cannot_be_compared_is_refused():
    run, simple = language_model_run(), language_model_run("simple")
    with pytest.raises(ValueError, match="expected a model of LSTMs"):
        language_model(simple)
    with pytest.raises(ValueError, match=r"runs/a: --simple expects .*cell=simple\."):
        simple_model(run, run)
    simple.vocabulary.tokens = WORDS[::-1]
    with pytest.raises(ValueError, match=r"vocabulary is not that of runs/a\. Train"):
        simple_model(simple, run)


def test_a_cell_that_the_page_does_not_compute_is_refused():
    layer = LSTM(3, recurrent_activation="hard_sigmoid", name="memory")
    layer.build((1, None, 2))
    with pytest.raises(ValueError, match=r"^memory: expected an `LSTMCell` with tanh"):
        cell_weights(layer)


def test_a_cell_without_a_bias_has_a_bias_of_zeros():
    layer = LSTM(3, use_bias=False)
    layer.build((1, None, 2))
    assert cell_weights(layer)["bias"] == floats(np.zeros(12))
