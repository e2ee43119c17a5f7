"""Tiny models with random weights, as the explainer takes them from finished runs."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from apps.language_modeling.export import cell_data as language_model_data
from apps.language_modeling.model import build_model as language_model
from apps.sentiment.export import cell_data as sentiment_model
from apps.sentiment.model import build_model as sentiment
from experiments.explainer.page import page
from experiments.explainer.simple import simple_model

READ = "i live in france , like playing football speak french"
WORDS = ["<pad>", "<unk>", "<eos>", *READ.split()]
RULES = 2  # of docs/tokens.md
SENTENCES = {
    "language_modeling": ["I live in France, I speak", "I like football."],
    "sentiment": ["I like France.", "I speak."],
}
LABELS = ["bad", "good", "so so"]


def language_model_run(cell="lstm", seed=1):
    """Returns what `language_model` and `quantization_cost` read of a `Predictor`."""
    model = language_model(
        vocabulary_size=len(WORDS),
        cell=cell,
        embedding_dim=5,
        units=5,
        num_layers=1,
        embedding_dropout=0.0,
        input_dropout=0.0,
        hidden_dropout=0.0,
        output_dropout=0.0,
        weight_drop=0.0,
        activation_penalty=0.0,
        change_penalty=0.0,
        softmax_dtype="float32",
    )
    return SimpleNamespace(
        directory=Path("runs/a"),
        model=_with_random_weights(model, seed),
        tokenization="words",
        start=WORDS.index("<eos>"),
        vocabulary=SimpleNamespace(tokens=WORDS, rules=RULES),
    )


def sentiment_run(pooling="max"):
    """Returns what `sentiment_model` and `quantization_cost` read of a `Predictor`."""
    model = sentiment(
        vocabulary_size=len(WORDS),
        num_classes=len(LABELS),
        trained_tokens=4,
        embedding_dim=3,
        embedding_dropout=0.0,
        units=4,
        num_layers=2,
        direction="both",
        reader_units=0,
        dropout=0.0,
        pooling=pooling,
        bag_of_words=False,
    )
    return SimpleNamespace(
        directory=Path("runs/b"),
        model=_with_random_weights(model, 2),
        labels=LABELS,
        vocabulary=SimpleNamespace(tokens=WORDS, rules=RULES),
        config=SimpleNamespace(data=SimpleNamespace(max_length=9)),
    )


def tiny_page(simple=True):
    """Returns the page of both models, with a simple network to compare or without."""
    run = language_model_run()
    models = {
        "language_modeling": language_model_data(run),
        "sentiment": sentiment_model(sentiment_run()),
    }
    compared = simple_model(language_model_run("simple", 3), run) if simple else None
    return page(models, SENTENCES, "french", compared)


def _with_random_weights(model, seed):
    random = np.random.default_rng(seed)
    for weight in model.trainable_weights + model.non_trainable_weights:
        if weight.dtype == "float32":
            weight.assign(random.normal(0, 0.7, weight.shape))
    return model
