"""Shows what the gates did with a document and its summary."""

from apps.common.data.text import encoded
from apps.common.explain.pictures import write_explanations


def explain(predictor, documents):
    """Draws what each layer did with each text, into `explain/` of the run directory.

    Args:
        predictor: A `Predictor`.
        documents: Strings.

    Returns:
        The paths of the pages.
    """
    rows = []
    for answer in predictor.predict(documents):
        document, said = answer["document"], answer["summary"]
        rows.append((document, said, predictor.gates(encoded([document]))))
    return write_explanations(predictor.directory, rows)
