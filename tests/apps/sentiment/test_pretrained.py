"""A sentiment model that begins from a language model, and from few labels."""

from dataclasses import replace

import numpy as np
import pytest

from apps.common.data.vocabulary import Vocabulary
from apps.common.training.model_file import load_model
from apps.sentiment.config import DataConfig
from apps.sentiment.data import load_data
from apps.sentiment.train import train


@pytest.fixture(scope="session")
def pretrained_config(sentiment_config, language_run):
    """The sentiment recipe of the tests on the language model of the tests."""
    model = replace(
        sentiment_config.model,
        pretrained=str(language_run),
        direction="forward",
        embedding_dim=4,
        units=6,
    )
    return replace(sentiment_config, model=model)


def test_a_language_model_of_other_sizes_is_refused(pretrained_config, tmp_path):
    with pytest.raises(ValueError, match=r"model.num_layers: .* has 2\. Received: 1"):
        train(pretrained_config, tmp_path / "run")


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("model", {"direction": "both"}, "Set model.direction=forward"),
        ("data", {"vectors": "glove_6b_50d"}, "Set data.vectors=random"),
        ("model", {"pretrained": "nowhere"}, "nowhere has no encoder.npz"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_way_out(
    section, change, message, pretrained_config, tmp_path
):
    part = replace(getattr(pretrained_config, section), **change)
    with pytest.raises(ValueError, match=message):
        train(replace(pretrained_config, **{section: part}), tmp_path / "run")


@pytest.fixture(scope="session")
def writer(language_config, tmp_path_factory):
    """The run directory of a language model of one layer."""
    from apps.language_modeling.train import train as train_language_model

    model = replace(language_config.model, num_layers=1)
    settings = replace(language_config.train, epochs=1, sampled_tokens=10)
    directory = tmp_path_factory.mktemp("writer") / "run"
    train_language_model(
        replace(language_config, model=model, train=settings), directory
    )
    return directory


@pytest.fixture
def fine_tuned(pretrained_config, writer, tmp_path):
    """A function that trains for an epoch with settings changed, to a run directory."""

    def fine_tuned(**changes):
        model = replace(pretrained_config.model, pretrained=str(writer), units=4)
        settings = replace(
            pretrained_config.train, epochs=1, average_momentum=0.0, **changes
        )
        run = tmp_path / "run"
        train(replace(pretrained_config, model=model, train=settings), run)
        return run

    return fine_tuned


def test_training_takes_the_vocabulary_of_the_language_model(fine_tuned, writer):
    vocabulary, theirs = (
        Vocabulary.load(path / "vocabulary.txt").tokens
        for path in (fine_tuned(), writer)
    )
    assert vocabulary == theirs


@pytest.mark.parametrize("learning_rate", [1e-30, 0.01])
def test_embedding_and_lstm_begin_from_the_language_model_and_learn(
    learning_rate, fine_tuned, writer
):
    with np.load(writer / "encoder.npz") as theirs:
        begun = [theirs["embedding"], theirs["lstm_1/recurrent_kernel"]]
    model = load_model(fine_tuned(learning_rate=learning_rate))
    ended = [
        model.get_layer("embedding").get_weights()[0],
        model.get_layer("lstm_1").cell.recurrent_kernel.numpy(),
    ]
    for begin, end in zip(begun, ended, strict=True):
        assert np.allclose(begin, end, atol=1e-6) == (learning_rate < 0.01)


@pytest.mark.parametrize("labelled", [20, 50])
def test_few_labels_are_a_part_of_more_in_any_order_of_the_file(
    labelled, reviews_csv, tmp_path
):
    header, *rows = reviews_csv.read_text().splitlines()
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join([header, *reversed(rows)]))

    def texts(path, labelled):
        config = DataConfig(dataset="files", file=str(path), labelled=labelled)
        return load_data(config, ("train",)).train

    few, more = texts(reviews_csv, labelled), texts(reviews_csv, 100)
    assert len(few.texts) == len(few.labels) == labelled
    assert set(few.texts) <= set(more.texts)
    assert set(texts(turned, labelled).texts) == set(few.texts)
    assert 0.2 < np.mean(few.labels) < 0.8
