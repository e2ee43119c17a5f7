"""Exports a finished run as a SavedModel that takes raw texts."""

from pathlib import Path

import numpy as np

from apps.common.export import export_model
from apps.common.versions import newest_version
from apps.sentiment.evaluate import answering, load_run
from apps.sentiment.explain import gating

NAME = "sentiment"
EXAMPLES = ("A warm, funny and clever film.", "Two hours of my life, gone.", "")


def export(directory):
    """Writes `export/sentiment/1/` into a run directory, unless it is there.

    Its signatures take `text`, strings `(batch,)`: `serving_default` returns `label`,
    strings `(batch,)`, and `probabilities`, `(batch, labels)`; `gates` is as `gating`
    says.

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
    answer = answering(model, vocabulary, labels, config.data.max_length)
    gates = gating(model, vocabulary, config.data.max_length)
    texts = {"text": np.array(EXAMPLES)}
    return export_model(
        target,
        tracked=[vocabulary.lookup],
        signatures={"serving_default": answer, "gates": gates},
        examples={"serving_default": texts, "gates": texts},
    )
