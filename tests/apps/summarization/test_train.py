"""What training sums over: the tokens of summaries, and attention given twice."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.summarization.model import build_model, log_probabilities
from apps.summarization.train import losses, trainer_of

SIZE, START = 7, 2
COLUMNS = {  # two summaries; the first has a token, 8, of its own document's
    "token_ids": np.array([[3, 1, 4, 1, 5], [6, 1, 0, 0, 0]], "int32"),
    "copy_ids": np.array([[3, 8, 4, 9, 5], [6, 8, 0, 0, 0]], "int32"),
    "targets": np.array([[4, 8, 1, 3, 2], [8, 2, 0, 0, 0]], "int32"),
}
DECODER_INPUTS = np.array([[2, 4, 1, 1, 3], [2, 1, 2, 0, 0]], "int32")
BATCH = {name: tf.constant(column) for name, column in COLUMNS.items()}
COUNTS = np.array([[1, 1, 0, 1, 1], [1, 1, 0, 0, 0]])  # neither unknown nor padding


@pytest.fixture
def model():
    built = build_model(SIZE, 4, 3, embedding_dropout=0, dropout=0, coverage=True)
    rng = np.random.default_rng(3)
    built.set_weights([rng.normal(0, 0.7, w.shape) for w in built.get_weights()])
    return built


def test_loss_and_penalty_are_sums_over_the_tokens_that_are_asked_for(model):
    loss, penalty, tokens = losses(model, BATCH, START, training=True)
    outputs = model([COLUMNS["token_ids"], DECODER_INPUTS])
    log_p = log_probabilities(outputs, BATCH["copy_ids"], BATCH["targets"])
    attention = outputs[-1].numpy()
    expected = 0.0
    for row, step in zip(*np.nonzero(COUNTS), strict=True):
        before = attention[row, :step].sum(axis=0)
        expected += np.minimum(attention[row, step], before).sum()
    assert float(loss) == pytest.approx(-np.sum(log_p * COUNTS), rel=1e-5)
    assert float(penalty) == pytest.approx(expected, rel=1e-5)
    assert float(tokens) == COUNTS.sum() == 6


def test_the_objective_is_the_loss_and_the_weighted_penalty(model):
    strategy = tf.distribute.get_strategy()
    sgd = keras.optimizers.SGD()
    trainer = trainer_of(strategy, model, sgd, START, 8.0, coverage_weight=0.5)
    objective, reported = trainer.loss_fn(BATCH, True)
    loss, penalty, tokens = losses(model, BATCH, START, training=True)
    assert float(objective) == pytest.approx(float(loss + 0.5 * penalty) / 8, rel=1e-5)
    assert [float(x) for x in reported["loss"]] == [float(loss), float(tokens)]
