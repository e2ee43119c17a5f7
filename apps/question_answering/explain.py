"""Shows what the gates did with a context and a question."""

from apps.common.data.text import encoded
from apps.common.explain.pictures import write_explanations


def explain(predictor, lines):
    """Draws the gates for each line `context ||| question`; returns their paths."""
    rows = []
    for line, answer in zip(lines, predictor.predict(lines), strict=True):
        said = f"{answer['answer']} ({answer['score']:.0%})"
        texts = (encoded([answer[name]]) for name in ("context", "question"))
        rows.append((line, said, predictor.gates(*texts)))
    return write_explanations(predictor.directory, rows)
