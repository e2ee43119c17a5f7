"""Transfer of a language model's embedding and LSTM weights to a classifier."""

import keras
import numpy as np
import pytest

from apps.common.data.vocabulary import Vocabulary
from apps.common.training.encoder import (
    load_encoder,
    pretrained_vocabulary,
    save_encoder,
)
from apps.language_modeling import model as language_model
from apps.sentiment import model as sentiment_model

WORDS = ["a", "good", "bad", "film"]


def writer(units=6, num_layers=2, cell="lstm"):
    return language_model.build_model(
        *(len(WORDS) + 2, cell, 6, units, num_layers),
        *(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "float32"),
    )


def reader(embedding_dim=6, units=6, num_layers=2):
    size = len(WORDS) + 2
    return sentiment_model.build_model(
        *(size, 2, size, embedding_dim, 0.0, units, num_layers),
        *("forward", 0, 0.0, "last", False),
    )


@pytest.fixture
def run(tmp_path):
    keras.utils.set_random_seed(5)
    save_encoder(writer(), tmp_path, "words", rules=2)
    Vocabulary(WORDS).save(tmp_path / "vocabulary.txt")
    return tmp_path


def test_the_reader_has_the_states_of_the_language_model(run):
    keras.utils.set_random_seed(5)
    model, classifier = writer(), reader()
    load_encoder(classifier, run)
    token_ids = np.array([[2, 3, 5], [4, 5, 2]])
    states = [np.zeros((2, 6), "float32")] * 4
    *_, h, _ = model([token_ids, *states])
    encoder = keras.Model(classifier.input, classifier.get_layer("lstm_2").output)
    np.testing.assert_allclose(encoder(token_ids), h, atol=1e-6)


def test_the_vocabulary_is_that_of_the_run(run):
    vocabulary = pretrained_vocabulary(run, rules=2)
    assert (vocabulary.tokens[2:], vocabulary.rules) == (WORDS, 2)


def test_a_simple_recurrent_network_is_refused(run):
    save_encoder(writer(cell="simple"), run, "words", rules=2)
    with pytest.raises(
        ValueError, match=r"^model\.pretrained: .* a simple recurrent network, .*lstm"
    ):
        pretrained_vocabulary(run, rules=2)


def test_a_language_model_with_other_rules_for_tokens_is_refused(run):
    with pytest.raises(ValueError, match=r"version 2\. Set data.token_rules=2\."):
        pretrained_vocabulary(run, rules=1)


def test_an_encoder_without_a_version_has_the_first_rules_for_tokens(run):
    with np.load(run / "encoder.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files if name != "rules"}
    np.savez(run / "encoder.npz", **kept)
    assert pretrained_vocabulary(run, rules=1).rules == 1


@pytest.mark.parametrize("name", ["encoder.npz", "vocabulary.txt"])
def test_a_run_without_an_encoder_is_refused_with_the_way_out(name, run):
    (run / name).unlink()
    message = f"model.pretrained: .* has no {name}"
    with pytest.raises(ValueError, match=message) as caught:
        pretrained_vocabulary(run, rules=2)
    assert "python -m experiments.language_modeling" in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"num_layers": 1}, r"model.num_layers: .* has 2\. Received: 1"),
        ({"units": 5}, r"model.units: .* lstm_1 .*\(6, 24\)\. Received: \(6, 20\)"),
        ({"embedding_dim": 4}, r"model.embedding_dim: .* has 6\. Received: 4"),
    ],
)
def test_other_sizes_are_refused(sizes, message, run):
    with pytest.raises(ValueError, match=message):
        load_encoder(reader(**sizes), run)


def test_a_damaged_encoder_is_named_with_the_way_out(run):
    path = run / "encoder.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"encoder.npz cannot be read .*model.keras"):
        pretrained_vocabulary(run, rules=2)


def test_characters_are_no_words(run):
    save_encoder(writer(), run, "characters", rules=2)
    with pytest.raises(ValueError, match=r"are characters\. Expected .*tokens=words"):
        pretrained_vocabulary(run, rules=2)
