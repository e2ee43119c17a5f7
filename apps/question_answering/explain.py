"""Plots the gate activations for a context and a question."""

from apps.common.data.text import encoded
from apps.common.explain.pictures import write_explanations
from apps.question_answering.rows import INPUTS, SEPARATOR


def explain(predictor, questions):
    """Plots the gates for what `predict` takes; returns the paths of the HTML pages."""
    rows = []
    for answer in predictor.predict(questions):
        caption = f"{answer['answer']} ({answer['score']:.0%})"
        texts = [answer[name] for name in INPUTS]
        gates = predictor.gates(*(encoded([text]) for text in texts))
        rows.append((f" {SEPARATOR} ".join(texts), caption, gates))
    return write_explanations(predictor.directory, rows)
