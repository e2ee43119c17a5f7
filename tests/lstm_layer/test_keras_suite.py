"""Runs Keras's own tests of its LSTM and of `Bidirectional` on our layer."""

import importlib
import unittest

import keras
import pytest

from lstm_layer import LSTM


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("module", "names", "fewest"),
    [
        ("lstm_test", ["*"], 5),
        # The other tests in this module do not use LSTM.
        ("bidirectional_test", ["*state*", "*shape*", "*cudnn*", "*lstm*"], 7),
    ],
    ids=["lstm_test", "bidirectional_test"],
)
def test_keras_own_tests_pass_with_our_layer_in_the_place_of_keras(
    module, names, fewest, monkeypatch
):
    tests = importlib.import_module(f"keras.src.layers.rnn.{module}")
    monkeypatch.setattr(keras.src.layers, "LSTM", LSTM)
    wrapper = importlib.import_module("keras.src.layers.rnn.bidirectional")
    monkeypatch.setattr(wrapper, "LSTM", LSTM)
    assert tests.layers.LSTM is LSTM
    loader = unittest.TestLoader()
    loader.testNamePatterns = names
    suite = loader.loadTestsFromModule(tests)
    outcome = unittest.TestResult()
    suite.run(outcome)
    failed = [f"{case.id()}\n{text}" for case, text in outcome.failures]
    failed += [f"{case.id()}\n{text}" for case, text in outcome.errors]
    assert not failed, "\n".join(failed)
    assert outcome.testsRun >= fewest
