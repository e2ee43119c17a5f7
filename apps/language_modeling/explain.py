"""Plots the gate activations for a text."""

from apps.common.data.text import encoded
from apps.common.explain.pictures import write_explanations


def explain(predictor, texts):
    """Plots the gates for each text; returns the paths of the HTML pages.

    Raises:
        ValueError: If the model is a simple recurrent network, which has no gates.
    """
    gates_of, rows = predictor.gates, []
    for text, answer in zip(texts, predictor.predict(texts), strict=True):
        gates = gates_of(encoded([text]))
        best = [token.decode() for token in gates["following"][0].numpy()]
        caption = f"perplexity {answer['perplexity']:.1f}; next: {', '.join(best)}"
        rows.append((text, caption, gates))
    return write_explanations(predictor.directory, rows)
