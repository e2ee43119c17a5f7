"""Exports a finished run as a SavedModel that takes raw documents."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.common.export import export_model
from apps.common.versions import newest_version
from apps.summarization.evaluate import attending, load_run
from apps.summarization.explain import gating

NAME = "summarization"
EXAMPLES = (
    "The old bridge is a road bridge over the river, built of stone in 1831.",
    "Bridge",
    "",
)


def export(directory):
    """Writes `export/summarization/1/` into a run directory, unless it is there.

    Its signatures: `serving_default`, which takes `document` and returns `summary` and
    `score`; `attention`, as `attending` says; and `gates`, as `gating` says.

    Args:
        directory: Run directory whose training has ended.

    Returns:
        The path of the SavedModel.
    """
    target = Path(directory, "export", NAME)
    if version := newest_version(target):
        print(f"{version} is exported already.")
        return version
    config, model, vocabulary = load_run(directory)
    attend = attending(model, vocabulary, config)

    @tf.function(autograph=False, input_signature=attend.input_signature)
    def summarize(document):
        found = attend(document)
        return {name: found[name] for name in ("summary", "score")}

    inputs = {"document": np.array(EXAMPLES)}
    return export_model(
        target,
        tracked=[vocabulary.lookup],
        signatures={
            "serving_default": summarize,
            "attention": attend,
            "gates": gating(model, vocabulary, config),
        },
        examples=dict.fromkeys(("serving_default", "attention", "gates"), inputs),
    )
