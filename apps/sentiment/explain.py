"""Shows what the gates did with a text."""

from apps.common.explanation import write_explanations
from apps.common.text import encoded


def explain(predictor, texts):
    """Draws what each layer did with each text, into `explain/` of the run directory.

    Args:
        predictor: A `Predictor`.
        texts: Strings.

    Returns:
        The paths of the pages.
    """
    rows = []
    for text, answer in zip(texts, predictor.predict(texts), strict=True):
        share = answer["probabilities"][answer["label"]]
        said = f"{answer['label']} ({share:.0%})"
        rows.append((text, said, predictor.gates(encoded([text]))))
    return write_explanations(predictor.directory, rows)
