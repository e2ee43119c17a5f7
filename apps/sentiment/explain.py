"""Plots the gate activations for a text."""

from apps.common.data.text import encoded
from apps.common.explain.pictures import write_explanations


def explain(predictor, texts):
    """Plots the gates for each text; returns the paths of the HTML pages."""
    rows = []
    for text, answer in zip(texts, predictor.predict(texts), strict=True):
        share = answer["probabilities"][answer["label"]]
        caption = f"{answer['label']} ({share:.0%})"
        rows.append((text, caption, predictor.gates(encoded([text]))))
    return write_explanations(predictor.directory, rows)
