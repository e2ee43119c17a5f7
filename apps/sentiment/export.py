"""Exports a finished run as a SavedModel that takes raw texts."""

from functools import partial

import numpy as np
import tensorflow as tf

from apps.common.export.cell import check_rules, levels
from apps.common.export.litert.graphs import DeviceInputs
from apps.common.export.quantized import floats, table, vectors_of
from apps.common.export.savedmodel import export_run
from apps.common.layers.pooling import MaskedPooling
from apps.sentiment.bag_of_words import BagOfWords

WORDS = 20_000  # of a vocabulary, the most frequent, that cell.json has
EXAMPLES = ("A warm, funny and clever film.", "Two hours of my life, gone.", "")


def examples(predictor):
    """Returns example inputs of each signature, for the check and the warm-up."""
    texts = {"text": np.array(EXAMPLES)}
    return {"serving_default": texts, "gates": texts}


def device_inputs(predictor):
    """Returns the token ids of the examples; an empty text has none."""
    ids = [predictor.vocabulary.token_ids(tf.constant([text])) for text in EXAMPLES]
    texts = [np.array(one.to_tensor(), "int32") for one in ids]
    return DeviceInputs([text for text in texts if text.size])


def cell_data(predictor):
    """Returns what the page of the cell reads.

    Raises:
        ValueError: If the page cannot compute the model: it pools otherwise than by the
            maximum over time, has a bag of words, its tokens are not by the newest
            rules, or its cell is not the textbook's.
    """
    check_rules(predictor)
    model = predictor.model
    pools = [each for each in model.layers if isinstance(each, MaskedPooling)]
    if [each.pooling for each in pools] != ["max"]:
        raise ValueError(
            f"{predictor.directory}: the page computes model.pooling=max alone. Train "
            "one with it."
        )
    if any(isinstance(each, BagOfWords) for each in model.layers):
        raise ValueError(
            f"{predictor.directory}: the page computes LSTMs alone. Train one with "
            "model.bag_of_words=false."
        )
    logits = model.get_layer("logits")
    return {
        "vocabulary": "\n".join(predictor.vocabulary.tokens[:WORDS]),
        "max_length": predictor.config.data.max_length,
        "labels": predictor.labels,
        "embedding": table(vectors_of(model.get_layer("embedding"))[:WORDS]),
        "levels": levels(model),
        "kernel": floats(logits.kernel),
        "bias": floats(logits.bias),
    }


export = partial(
    export_run, examples=examples, device_inputs=device_inputs, cell_data=cell_data
)
