"""Plots the gate activations for a document and its summary."""

from apps.common.data.text import encoded
from apps.common.explain.pictures import write_explanations


def explain(predictor, documents):
    """Plots the gates for each document; returns the paths of the HTML pages."""
    rows = []
    for answer in predictor.predict(documents):
        document, summary = answer["document"], answer["summary"]
        rows.append((document, summary, predictor.gates(encoded([document]))))
    return write_explanations(predictor.directory, rows)
