"""Exports a finished run as a SavedModel that takes raw texts."""

from functools import partial

import numpy as np
import tensorflow as tf

from apps.common.export.cell import check_rules, levels
from apps.common.export.litert.graphs import DeviceInputs
from apps.common.export.quantized import floats, table, vectors_of
from apps.common.export.savedmodel import export_run
from apps.language_modeling.sampling import DTYPES
from apps.language_modeling.text import token_ids

EXAMPLES = ("the city lies on the river .", "lies", "")


def examples(predictor):
    """Returns example inputs of each signature, for the check and the warm-up."""
    count = len(EXAMPLES)
    settings = {
        # Greedy: a random draw may depend on the last digit of a probability.
        "temperature": np.zeros(count),
        "top_k": np.full(count, 40),
        "top_p": np.ones(count),
        "repetition_penalty": np.ones(count),
        "seed": np.arange(count),
    }
    settings = {name: settings[name].astype(dtype) for name, dtype in DTYPES.items()}
    states = {
        spec.name: np.zeros((count, spec.shape[1]), "float32")
        for spec in predictor.step.input_signature[1:]
    }
    text = {"text": np.array(EXAMPLES)}
    return {
        "serving_default": text,
        **({"gates": text} if predictor.is_lstm else {}),
        "generate": {
            "prompt": np.array(EXAMPLES),
            "max_tokens": np.full(count, 5, "int32"),
            **settings,
        },
        "stream": {
            "prompt": np.array(EXAMPLES),
            "token_ids": np.zeros((count, 0), "int32"),
            **states,
            **settings,
        },
        "step": {"token_ids": np.full(count, predictor.start, "int32"), **states},
    }


def device_inputs(predictor):
    """Returns the token ids of the first examples, after the start token."""
    texts = tf.constant([text for text in EXAMPLES if text])
    ids = token_ids(texts, predictor.vocabulary, predictor.tokenization)
    return DeviceInputs(
        [np.array([[predictor.start, *one]], "int32") for one in ids.to_list()]
    )


def cell_data(predictor):
    """Returns what the page of the cell reads.

    Raises:
        ValueError: If the page cannot compute the model: its tokens are not words, or
            not by the newest rules, or its cell is not the textbook's.
    """
    if predictor.tokenization != "words":
        raise ValueError(
            f"{predictor.directory}: the page reads words, and data.tokens is "
            f"{predictor.tokenization!r}. Use a model with data.tokens=words."
        )
    check_rules(predictor)
    return {
        "vocabulary": "\n".join(predictor.vocabulary.tokens),
        "start": int(predictor.start),
        "levels": levels(predictor.model),
        **word_data(predictor.model),
    }


def word_data(model):
    """Returns the word vectors of a language model, and the biases of its logits."""
    embedding = model.get_layer("embedding")
    return {"embedding": table(vectors_of(embedding)), "bias": floats(embedding.bias)}


export = partial(
    export_run, examples=examples, device_inputs=device_inputs, cell_data=cell_data
)
