"""Plots the gate activations for a clip."""

from pathlib import Path

from apps.common.explain.pictures import write_explanations


def explain(predictor, files):
    """Plots the gates for each audio file; returns the paths of the HTML pages."""
    rows = []
    for file, answer in zip(files, predictor.predict(files), strict=True):
        share = answer["probabilities"][answer["label"]]
        caption = f"{answer['label']} ({share:.0%})"
        rows.append((Path(file).name, caption, predictor.gates(predictor.read(file))))
    return write_explanations(predictor.directory, rows)
