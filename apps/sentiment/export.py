"""Exports a finished run as a SavedModel that takes raw texts."""

import numpy as np

from apps.common.export.savedmodel import export_run

EXAMPLES = ("A warm, funny and clever film.", "Two hours of my life, gone.", "")


def export(predictor):
    """Writes `export/sentiment/1/` into the run directory, unless it is there.

    Args:
        predictor: A `Predictor`, which says what its signatures take and return.

    Returns:
        The path of the SavedModel.
    """
    return export_run(predictor, _examples)


def _examples(predictor):
    texts = {"text": np.array(EXAMPLES)}
    return {"serving_default": texts, "gates": texts}
