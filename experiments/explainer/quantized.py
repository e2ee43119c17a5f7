"""Measures what int8 word vectors change."""

import keras
import numpy as np
from keras import ops
from keras.layers import SimpleRNN

from apps.common.export.quantized import quantize, vectors_of
from apps.common.layers.embedding import WordEmbedding
from apps.common.portable.patterns import UNKNOWN_ID
from apps.common.portable.tokens import tokenize
from lstm_layer.gates import record_gates


def quantization_cost(predictor, text):
    """Measures what int8 word vectors change in what a model computes from a text.

    Args:
        predictor: The `Predictor` of a language model or of a sentiment model.
        text: A text.

    Returns:
        The largest absolute difference of `h` and, of LSTMs, of `c` of any unit and
        timestep, and of `probability`, those of the next words or of the labels.
    """
    model = predictor.model
    inputs = _inputs(predictor, text)
    exact = _computed(model, inputs)
    weights = [weight.numpy() for weight in model.get_layer("embedding").weights]
    try:
        round_vectors(model.get_layer("embedding"))
        rounded = _computed(model, inputs)
    finally:
        model.get_layer("embedding").set_weights(weights)
    return {
        name: max(
            float(np.max(np.abs(one - other)))
            for one, other in zip(values, rounded[name], strict=True)
        )
        for name, values in exact.items()
    }


def round_vectors(embedding):
    """Gives an embedding the vectors that the page has."""
    integers, scales = quantize(vectors_of(embedding))
    rounded = integers * scales[:, np.newaxis]
    if isinstance(embedding, WordEmbedding):
        embedding.assign(rounded)
    else:
        embedding.vectors.assign(rounded)


def _inputs(predictor, text):
    """Returns the inputs of a predictor's model for one text."""
    known = {token: number for number, token in enumerate(predictor.vocabulary.tokens)}
    tokens = tokenize(text, predictor.vocabulary.rules)
    ids = [known.get(token, UNKNOWN_ID) for token in tokens]
    states = predictor.model.inputs[1:]
    if not states:
        return np.array([ids], "int32")
    zeros = [np.zeros((1, state.shape[1]), "float32") for state in states]
    return [np.array([[int(predictor.start), *ids]], "int32"), *zeros]


def _computed(model, inputs):
    """Returns lists of h and c of each layer, and of the last probabilities."""
    outputs, gates = record_gates(lambda: model(inputs, training=False))
    logits = outputs[0][:, -1] if isinstance(outputs, list | tuple) else outputs
    values = {"probability": [keras.ops.softmax(logits)]}
    if gates:
        values["h"] = [each.h for each in gates.values()]
        values["c"] = [each.c for each in gates.values()]
    else:
        layers = [each for each in model.layers if isinstance(each, SimpleRNN)]
        values["h"] = keras.Model(model.inputs, [each.output[0] for each in layers])(
            inputs
        )
    return {
        name: [ops.convert_to_numpy(each) for each in arrays]
        for name, arrays in values.items()
    }
