"""What trainings of the apps have in common: padding rows, vectors to begin with."""

import importlib
from dataclasses import asdict, replace
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common.data.vectors import vector_matrix
from apps.common.data.vocabulary import Vocabulary
from apps.common.finished import read_history

TOKENS, LABELS, ROWS, PADDING_ROWS = 9, 3, 4, 2


def of(app, *sizes, **settings):
    """Returns the `trainer_of` of an app with strategy, small model and optimizer."""
    config, model, train = (
        importlib.import_module(f"apps.{app}.{name}")
        for name in ("config", "model", "train")
    )
    settings = asdict(config.ModelConfig(units=3, **settings))
    settings.pop("pretrained", None)
    model = model.build_model(*sizes, **settings)
    strategy = tf.distribute.get_strategy()
    return partial(train.trainer_of, strategy, model, keras.optimizers.SGD())


def sentiment(rng):
    trainer = of("sentiment", TOKENS, LABELS, TOKENS, embedding_dim=4)
    return trainer(ROWS), {
        "token_ids": rng.integers(1, TOKENS, (ROWS, 5)),
        "labels": rng.integers(0, LABELS, ROWS),
    }


def speech_commands(rng):
    trainer = of("speech_commands", LABELS, 4)
    labels = rng.integers(0, LABELS, ROWS)
    features = rng.normal(size=(ROWS, 5, 4)).astype("float32")
    return trainer(ROWS, "max", None), (features, np.eye(LABELS, dtype="f")[labels])


def summarization(rng):
    trainer = of("summarization", TOKENS, embedding_dim=4)
    document = rng.integers(2, TOKENS, (ROWS, 5))
    return trainer(2, 6.0, 0.5), {
        "token_ids": document,
        "copy_ids": document,
        "targets": rng.integers(2, TOKENS, (ROWS, 3)),
    }


def question_answering(rng):
    trainer = of("question_answering", TOKENS, TOKENS, LABELS, embedding_dim=4)
    return trainer(ROWS), {
        "context": rng.integers(1, TOKENS, (ROWS, 2, 3)),
        "question": rng.integers(1, TOKENS, (ROWS, 3)),
        "targets": rng.integers(0, LABELS, ROWS),
        "weights": np.ones(ROWS, "float32"),
    }


def language_modeling(rng):
    trainer = of("language_modeling", TOKENS, embedding_dim=4)
    ids = rng.integers(1, TOKENS, (ROWS, 6))
    first = np.array(True)
    batch = ({"token_ids": ids[:, :-1], "first": first}, ids[:, 1:])
    return trainer({"train": ROWS, "test": ROWS}, 5), batch


def tensor(array, padding_rows):
    """Returns an array with rows of zeros after its own."""
    if array.ndim:
        rows = [(0, padding_rows), *[(0, 0)] * (array.ndim - 1)]
        array = np.pad(array, rows)
    return tf.constant(array.astype("int32") if array.dtype == "int64" else array)


COUNTED = {  # of the rows that are not padding
    sentiment: ROWS,
    speech_commands: ROWS,
    summarization: ROWS * 3,
    question_answering: ROWS,
    language_modeling: ROWS * 5,
}


@pytest.mark.parametrize("make", COUNTED, ids=lambda make: make.__name__)
def test_rows_of_padding_add_nothing_to_what_is_summed(make):
    trainer, batch = make(np.random.default_rng(5))
    found = []
    for rows in (0, PADDING_ROWS):
        padded = tf.nest.map_structure(partial(tensor, padding_rows=rows), batch)
        state = [
            tf.zeros((ROWS + rows, state.values.shape[1]))
            for state in trainer.state["test"]
        ]
        objective, reported, *_ = trainer.loss_fn(padded, False, *state)
        assert float(reported["loss"][1]) == COUNTED[make]
        found.append(list(map(float, [objective, *tf.nest.flatten(reported)])))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
    assert found[0][0] > 0


class BegunError(Exception):
    """Takes the place of training."""


RECIPES = {  # fixtures, and by what the vectors are multiplied
    "sentiment": ("sentiment_config", 1),
    "summarization": ("summarization_config", 0.1),
    "question_answering": ("question_config", 1),
}


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("app", RECIPES)
def test_a_training_with_pretrained_vectors_begins_with_them(
    app, request, tmp_path, monkeypatch
):
    recipe, scale = RECIPES[app]
    config = request.getfixturevalue(recipe)
    config = replace(
        config,
        data=replace(config.data, vectors="glove_6b_50d"),
        model=replace(config.model, embedding_dim=50),
    )
    begun = []

    def fit(run, job, settings):
        begun.append(job.trainer.model)
        raise BegunError

    module = importlib.import_module(f"apps.{app}.train")
    monkeypatch.setattr("apps.common.training.job.fit", fit)
    with pytest.raises(BegunError):
        module.train(config, tmp_path / "run")
    vocabulary = Vocabulary.load(tmp_path / "run" / "vocabulary.txt")
    ids = vocabulary.token_ids(["the"]).to_tensor()
    _, vector = vector_matrix(["<pad>", "the"], seed=1, embedding_dim=50)
    found = begun[0].get_layer("embedding")(ids)
    np.testing.assert_allclose(found[0, 0], scale * vector, rtol=1e-5)


HEADLINE = {"language_modeling": "perplexity", "summarization": "rouge_1"}


@pytest.mark.slow
@pytest.mark.parametrize("app", HEADLINE)
def test_xla_changes_neither_training_nor_what_is_measured(
    app, request, tmp_path, monkeypatch
):
    """Sentiment's training under XLA is killed in test_processes.py."""
    recipe = {"language_modeling": "language_config"}.get(app, f"{app}_config")
    config = request.getfixturevalue(recipe)
    config = replace(config, train=replace(config.train, epochs=1, learning_rate=0.001))
    if app == "language_modeling":
        config = replace(
            config,
            train=replace(config.train, sampled_tokens=8),
            evaluation=replace(config.evaluation, dynamic=False, cache=False),
        )
    modules = {verb: f"apps.{app}.{verb}" for verb in ("train", "evaluate", "predict")}
    modules = {verb: importlib.import_module(path) for verb, path in modules.items()}
    found = []
    for xla in ("0", "1"):
        monkeypatch.setenv("CAROUSEL_XLA", xla)
        modules["train"].train(config, tmp_path / xla)
        predictor = modules["predict"].Predictor.load(tmp_path / xla)
        metrics = modules["evaluate"].evaluate(predictor)
        row = read_history(tmp_path / xla)[-1]
        found.append([row["loss"], row["val_loss"], metrics[HEADLINE[app]]])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3)
