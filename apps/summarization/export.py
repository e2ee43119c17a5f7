"""Exports a finished run as a SavedModel that takes raw documents."""

import numpy as np

from apps.common.export.savedmodel import export_run

EXAMPLES = (
    "The old bridge is a road bridge over the river, built of stone in 1831.",
    "Bridge",
    "",
)


def export(predictor):
    """Writes `export/summarization/1/` into the run directory, unless it is there.

    Args:
        predictor: A `Predictor`, which says what its signatures take and return.

    Returns:
        The path of the SavedModel.
    """
    return export_run(predictor, _examples)


def _examples(predictor):
    documents = {"document": np.array(EXAMPLES)}
    return dict.fromkeys(("serving_default", "attention", "gates"), documents)
