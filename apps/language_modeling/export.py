"""Exports a finished run as a SavedModel that takes raw texts."""

from functools import partial

import numpy as np

from apps.common.export.savedmodel import export_run
from apps.language_modeling.sampling import DTYPES

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
    return {
        "serving_default": {"text": np.array(EXAMPLES)},
        "gates": {"text": np.array(EXAMPLES)},
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


export = partial(export_run, examples=examples)
