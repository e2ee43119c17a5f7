"""Exports a finished run as a SavedModel that takes raw texts."""

from functools import partial

import numpy as np

from apps.common.export.savedmodel import export_run

EXAMPLES = ("A warm, funny and clever film.", "Two hours of my life, gone.", "")


def examples(predictor):
    """Returns example inputs of each signature, for the check and the warm-up."""
    texts = {"text": np.array(EXAMPLES)}
    return {"serving_default": texts, "gates": texts}


export = partial(export_run, examples=examples)
