"""Exports a finished run as a SavedModel that takes raw texts."""

import numpy as np

from apps.common.export.savedmodel import export_run

EXAMPLES = {
    "context": np.array(["mary went to the garden. it rains.", "Rome is old", ""]),
    "question": np.array(["where is mary?", "", "who?"]),
}


def export(predictor):
    """Writes `export/question_answering/1/` into the run directory, unless it is there.

    Args:
        predictor: A `Predictor`, which says what its signatures take and return.

    Returns:
        The path of the SavedModel.
    """
    return export_run(predictor, _examples)


def _examples(predictor):
    return dict.fromkeys(("serving_default", "attention", "gates"), EXAMPLES)
