"""Exports a finished run as a SavedModel that takes raw texts."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.common.export import export_model
from apps.common.versions import newest_version
from apps.language_modeling.evaluate import load_run, scoring
from apps.language_modeling.explain import gating
from apps.language_modeling.sampling import (
    SETTINGS,
    generating,
    stepping,
    streaming,
)
from apps.language_modeling.text import start_id

NAME = "language_modeling"
EXAMPLES = ("the city lies on the river .", "lies", "")


def export(directory):
    """Writes `export/language_modeling/1/` into a run directory, unless it is there.

    Its signatures: `serving_default`, as `scoring` says; `generate`, as `generating`
    says; `stream`, as `streaming` says; `gates`, as `gating` says; and `step`, which
    takes `token_ids` `(batch,)` and the state `h_1`, `c_1`, ..., and returns `logits`
    `(batch, vocabulary)` and the state after the token.

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
    kind = config.data.tokens
    step = _step_signature(model)
    count = len(EXAMPLES)
    settings = {
        # The most probable: what is drawn may differ in a last digit.
        "temperature": np.zeros(count),
        "top_k": np.full(count, 40),
        "top_p": np.ones(count),
        "repetition_penalty": np.ones(count),
        "seed": np.arange(count),
    }
    settings = {name: settings[name].astype(SETTINGS[name]) for name in SETTINGS}
    states = {
        spec.name: np.zeros((count, spec.shape[1]), "float32")
        for spec in step.input_signature[1:]
    }
    start = start_id(vocabulary, kind)
    return export_model(
        target,
        tracked=[vocabulary.lookup],
        signatures={
            "serving_default": scoring(model, vocabulary, kind),
            "generate": generating(model, vocabulary, kind),
            "stream": streaming(model, vocabulary, kind),
            "gates": gating(model, vocabulary, kind),
            "step": step,
        },
        examples={
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
            "step": {"token_ids": np.full(count, start, "int32"), **states},
        },
    )


def _step_signature(model):
    names = [state.name for state in model.inputs[1:]]
    step = stepping(model)
    specs = [tf.TensorSpec([None], "int32", name="token_ids")]
    specs += [
        tf.TensorSpec([None, state.shape[1]], "float32", name=name)
        for state, name in zip(model.inputs[1:], names, strict=True)
    ]

    @tf.function(autograph=False, input_signature=specs)
    def one_step(token_ids, *state):
        logits, state = step(token_ids, list(state))
        return {"logits": logits, **dict(zip(names, state, strict=True))}

    return one_step
