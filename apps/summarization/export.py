"""Exports a finished run as a SavedModel that takes raw documents."""

from functools import partial

import numpy as np

from apps.common.export.savedmodel import export_run

EXAMPLES = (
    "The old bridge is a road bridge over the river, built of stone in 1831.",
    "Bridge",
    "",
)


def examples(predictor):
    """Returns example inputs of each signature, for the check and the warm-up."""
    documents = {"document": np.array(EXAMPLES)}
    return dict.fromkeys(("serving_default", "attention", "gates"), documents)


export = partial(export_run, examples=examples)
