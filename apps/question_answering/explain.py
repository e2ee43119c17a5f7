"""Plots the gate activations for a context and a question."""

from apps.common.data.text import encoded
from apps.common.explain.pictures import write_explanations


def explain(predictor, lines):
    """Plots the gates for each "context ||| question"; returns the pages' paths."""
    rows = []
    for line, answer in zip(lines, predictor.predict(lines), strict=True):
        caption = f"{answer['answer']} ({answer['score']:.0%})"
        texts = (encoded([answer[name]]) for name in ("context", "question"))
        rows.append((line, caption, predictor.gates(*texts)))
    return write_explanations(predictor.directory, rows)
