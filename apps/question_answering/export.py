"""Exports a finished run as a SavedModel that takes raw texts."""

from functools import partial

import numpy as np

from apps.common.export.savedmodel import export_run

EXAMPLES = {
    "context": np.array(["mary went to the garden. it rains.", "Rome is old", ""]),
    "question": np.array(["where is mary?", "", "who?"]),
}


def examples(predictor):
    """Returns example inputs of each signature, for the check and the warm-up."""
    return dict.fromkeys(("serving_default", "attention", "gates"), EXAMPLES)


export = partial(export_run, examples=examples)
