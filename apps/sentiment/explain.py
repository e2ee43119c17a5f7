"""Shows what the gates did with a text."""

from apps.common.data.text import encoded
from apps.common.explain.pictures import write_explanations


def explain(predictor, texts):
    """Draws the gates for each text; returns the paths of the pages."""
    rows = []
    for text, answer in zip(texts, predictor.predict(texts), strict=True):
        share = answer["probabilities"][answer["label"]]
        said = f"{answer['label']} ({share:.0%})"
        rows.append((text, said, predictor.gates(encoded([text]))))
    return write_explanations(predictor.directory, rows)
