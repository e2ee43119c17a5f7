"""How far back a simple recurrent network and an LSTM remember words."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiments.research import simple_network
from experiments.research.simple_network import (
    RUN_DIRECTORIES,
    main,
    memory_of,
    recorded_table,
)
from experiments.tables import LSTM_PAGE
from tests.experiments.explainer.tiny import WORDS, language_model_run

BEFORE, AFTER = 2, 4


@pytest.fixture
def windows():
    shape = (3, BEFORE + AFTER + 2)
    return np.random.default_rng(2).integers(1, len(WORDS), shape)


def _states(model, ids):
    """Returns the states after a row of token ids, without a batch."""
    zeros = [np.zeros((1, 5), "float32") for _ in model.inputs[1:]]
    _, *states = model([np.array([ids]), *zeros])
    return [np.array(state[0]) for state in states]


@pytest.mark.parametrize(("cell", "names"), [("lstm", "hc"), ("simple", "h")])
def test_the_influence_of_a_word_is_the_relative_change_without_it(
    cell, names, windows
):
    model = language_model_run(cell).model
    influence = memory_of(model, windows, BEFORE)["influence"]
    assert "".join(influence) == names
    for d in range(AFTER + 1):
        end = BEFORE + d + 1
        changes = []
        for row in windows:
            whole = _states(model, row[:end])
            without = _states(model, np.delete(row[:end], BEFORE))
            changes.append(
                [
                    np.linalg.norm(one - other) / np.linalg.norm(one)
                    for one, other in zip(whole, without, strict=True)
                ]
            )
        found = [influence[name][d] for name in names]
        np.testing.assert_allclose(found, np.mean(changes, axis=0), rtol=1e-4)
    assert {len(values) for values in influence.values()} == {AFTER + 1}


def test_the_gradient_is_that_of_the_loss_by_the_distance_in_words(windows):
    model = language_model_run("simple").model
    gradient = memory_of(model, windows, BEFORE)["gradient"]["h"]
    assert len(gradient) == windows.shape[1] - 1
    norms = []
    for row in windows:
        h = tf.constant(_states(model, row[:-3])[0][np.newaxis])
        with tf.GradientTape() as tape:
            tape.watch(h)
            logits, _ = model([tf.constant(row[np.newaxis, -3:-1]), h])
            loss = keras.losses.sparse_categorical_crossentropy(
                row[-1:], logits[:, -1], from_logits=True
            )
        norms.append(np.linalg.norm(tape.gradient(loss, h)))
    assert gradient[2] == pytest.approx(np.mean(norms), rel=1e-4)


def test_a_run_that_is_not_evaluated_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([])
    error = capsys.readouterr().err
    assert error.startswith(
        "Error: runs/language_modeling/wikipedia_simple/seed-1 has no metrics.json."
    )


def test_the_page_has_the_recorded_table():
    assert recorded_table() in LSTM_PAGE.read_text(encoding="utf-8")
    networks = json.loads(simple_network.RESULT.read_text())["networks"]
    assert list(networks) == [name for name, _ in RUN_DIRECTORIES.values()]
