"""Shows what the gates did with a clip."""

from pathlib import Path

from apps.common.explain.pictures import write_explanations


def explain(predictor, files):
    """Draws the gates for each audio file; returns the paths of the pages."""
    rows = []
    for file, answer in zip(files, predictor.predict(files), strict=True):
        share = answer["probabilities"][answer["label"]]
        said = f"{answer['label']} ({share:.0%})"
        rows.append((Path(file).name, said, predictor.gates(predictor.read(file))))
    return write_explanations(predictor.directory, rows)
