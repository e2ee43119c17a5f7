"""What tests of the language model share: a finished run, and its numbers by hand."""

import numpy as np
import pytest
import tensorflow as tf

from apps.language_modeling.config import DataConfig
from apps.language_modeling.data import load_data
from apps.language_modeling.predict import Predictor
from tests.apps.language_modeling.together import lines, sizes


@pytest.fixture(scope="session")
def run(finished_language_run):
    predictor = Predictor.load(finished_language_run)
    config, vocabulary = predictor.config, predictor.vocabulary
    data = load_data(config.data, vocabulary=vocabulary)
    return config, predictor.model, vocabulary, data


@pytest.fixture(scope="session")
def by_hand():
    """Returns log-probabilities from one call on the whole text."""

    def compute(model, ids, start):
        before = np.concatenate([[start], ids[:-1]])[np.newaxis].astype("int32")
        state = [tf.zeros((1, s.shape[1])) for s in model.inputs[1:]]
        logits, *_ = model([tf.constant(before), *state])
        log_p = tf.nn.log_softmax(logits[0]).numpy()
        return log_p[np.arange(len(ids)), ids]

    return compute


@pytest.fixture
def small_parts():
    with sizes():
        yield


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("".join(lines(150)))
    return DataConfig(dataset="files", file=str(path), min_count=1)
