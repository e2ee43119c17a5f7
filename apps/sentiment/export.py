"""Exports a finished run as a SavedModel that takes raw texts."""

from functools import partial

import numpy as np
import tensorflow as tf

from apps.common.export.litert.graphs import DeviceInputs
from apps.common.export.savedmodel import export_run

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


export = partial(export_run, examples=examples, device_inputs=device_inputs)
