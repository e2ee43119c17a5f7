"""Takes the weights out of trained models, as JSON that the page reads.

Word vectors are int8 (`quantized.py`). The weights of the cells are float32, as they
were trained: the page's cell is the trained one.
"""

import keras
import numpy as np
from keras.layers import SimpleRNN

from apps.common.layers.pooling import MaskedPooling
from apps.common.portable.run_files import TOKEN_RULES
from experiments.explainer.quantized import floats, table, vectors_of
from lstm_layer import LSTM
from lstm_layer.step import BLOCKS

WORDS = 20_000  # of a vocabulary, the most frequent, that the page knows


def language_model(predictor):
    """Returns the data of a language model.

    Raises:
        ValueError: If its tokens are not words, or not by the newest rules.
    """
    _check_rules(predictor)
    if predictor.tokenization != "words":
        raise ValueError(
            f"{predictor.directory}: the explainer reads words, and data.tokens is "
            f"{predictor.tokenization!r}. Use a model with data.tokens=words."
        )
    if not (levels := _levels(predictor.model)):
        raise ValueError(
            f"{predictor.directory}: expected a language model of LSTMs. Received: a "
            "simple recurrent network. Name it with --simple."
        )
    return {
        "vocabulary": "\n".join(predictor.vocabulary.tokens),
        "start": int(predictor.start),
        "levels": levels,
        **_words(predictor.model),
    }


def simple_model(predictor, other):
    """Returns the data of a simple recurrent network, which is compared with an LSTM.

    Args:
        predictor: The `Predictor` of the simple network.
        other: That of the language model with LSTMs, whose vocabulary it must have.

    Raises:
        ValueError: If it is another network, or reads other words.
    """
    _check_rules(predictor)
    model = predictor.model
    layers = [each for each in model.layers if isinstance(each, SimpleRNN)]
    if not layers:
        raise ValueError(
            f"{predictor.directory}: --simple expects a language model with "
            "model.cell=simple. Received: one of LSTMs."
        )
    if predictor.vocabulary.tokens != other.vocabulary.tokens:
        raise ValueError(
            f"{predictor.directory}: its vocabulary is not that of {other.directory}. "
            "Train both on the same data."
        )
    return {"levels": [[_weights(each)] for each in layers], **_words(model)}


def sentiment_model(predictor):
    """Returns the data of a sentiment model.

    Raises:
        ValueError: If it pools otherwise than by the maximum over time, or its tokens
            are not by the newest rules.
    """
    _check_rules(predictor)
    model = predictor.model
    pools = [each for each in model.layers if isinstance(each, MaskedPooling)]
    if [each.pooling for each in pools] != ["max"]:
        raise ValueError(
            f"{predictor.directory}: the explainer computes model.pooling=max alone. "
            "Train one with it."
        )
    logits = model.get_layer("logits")
    return {
        "vocabulary": "\n".join(predictor.vocabulary.tokens[:WORDS]),
        "max_length": predictor.config.data.max_length,
        "labels": predictor.labels,
        "embedding": table(vectors_of(model.get_layer("embedding"))[:WORDS]),
        "levels": _levels(model),
        "kernel": floats(logits.kernel),
        "bias": floats(logits.bias),
    }


def _words(model):
    """Returns the word vectors of a language model, and the biases of its logits."""
    embedding = model.get_layer("embedding")
    return {"embedding": table(vectors_of(embedding)), "bias": floats(embedding.bias)}


def _check_rules(predictor):
    rules = predictor.vocabulary.rules
    if rules != TOKEN_RULES:
        raise ValueError(
            f"{predictor.directory}: the model reads texts by version {rules} of the "
            f"rules for tokens (docs/tokens.md), and the explainer by version "
            f"{TOKEN_RULES}. Train it again."
        )


def _levels(model):
    """Returns the LSTMs of each level; those of one level read the same sequence."""
    levels = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Bidirectional):
            levels.append(
                [cell_weights(layer.forward_layer), cell_weights(layer.backward_layer)]
            )
        elif isinstance(layer, LSTM):
            levels.append([cell_weights(layer)])
    return levels


def cell_weights(layer):
    """Returns the weights of an LSTM, packed i, f, C~, o as in the layer.

    Raises:
        ValueError: If the layer computes another cell than the textbook's.
    """
    if not layer.uses_kernel:
        raise ValueError(
            f"{layer.name}: expected an `LSTMCell` with tanh, sigmoid and the "
            "equations of lstm_layer/step.py. Received: another cell, which the "
            "explainer's step.js does not compute."
        )
    return _weights(layer, BLOCKS)


def _weights(layer, blocks=1):
    """Returns the weights of a recurrent layer; `blocks` times its units are packed."""
    cell = layer.cell
    bias = cell.bias if cell.use_bias else np.zeros(blocks * cell.units)
    return {
        "name": layer.name,
        "features": cell.kernel.shape[0],
        "units": cell.units,
        "backwards": layer.go_backwards,
        "kernel": floats(cell.kernel),
        "recurrent_kernel": floats(cell.recurrent_kernel),
        "bias": floats(bias),
    }
