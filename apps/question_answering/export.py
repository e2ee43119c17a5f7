"""Exports a finished run as a SavedModel that takes raw texts."""

from pathlib import Path

import numpy as np

from apps.common.export import export_model
from apps.common.versions import newest_version
from apps.question_answering.evaluate import answering, attending, load_run
from apps.question_answering.explain import gating

NAME = "question_answering"
EXAMPLES = {
    "context": np.array(["mary went to the garden. it rains.", "Rome is old", ""]),
    "question": np.array(["where is mary?", "", "who?"]),
}


def export(directory):
    """Writes `export/question_answering/1/` into a run directory, unless it is there.

    Its signatures: `serving_default`, as `answering` says, `attention`, as `attending`
    says, and `gates`, as `gating` says.

    Args:
        directory: Run directory whose training has ended.

    Returns:
        The path of the SavedModel.
    """
    target = Path(directory, "export", NAME)
    if version := newest_version(target):
        print(f"{version} is exported already.")
        return version
    config, model, vocabulary, labels = load_run(directory)
    return export_model(
        target,
        tracked=[vocabulary.lookup],
        signatures={
            "serving_default": answering(model, vocabulary, labels, config),
            "attention": attending(model, vocabulary, labels, config),
            "gates": gating(model, vocabulary, labels, config),
        },
        examples=dict.fromkeys(("serving_default", "attention", "gates"), EXAMPLES),
    )
