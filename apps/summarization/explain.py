"""Shows what the gates did with a document and its summary."""

from apps.common.data.text import encoded
from apps.common.explain.pictures import write_explanations


def explain(predictor, documents):
    """Draws the gates for each document; returns the paths of the pages."""
    rows = []
    for answer in predictor.predict(documents):
        document, said = answer["document"], answer["summary"]
        rows.append((document, said, predictor.gates(encoded([document]))))
    return write_explanations(predictor.directory, rows)
