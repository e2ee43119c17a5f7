"""Shows what the gates did with a text."""

from apps.common.data.text import encoded
from apps.common.explain.pictures import write_explanations


def explain(predictor, texts):
    """Draws the gates for each text; returns the paths of the pages."""
    rows = []
    for text, answer in zip(texts, predictor.predict(texts), strict=True):
        found = predictor.gates(encoded([text]))
        best = [token.decode() for token in found["following"][0].numpy()]
        said = f"perplexity {answer['perplexity']:.1f}; next: {', '.join(best)}"
        rows.append((text, said, found))
    return write_explanations(predictor.directory, rows)
