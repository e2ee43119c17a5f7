"""Published figures of other systems, to read the recorded results by."""

from pathlib import Path

import yaml

PUBLISHED = Path(__file__).with_name("published.yaml")


def published_figures(task, recipe):
    """Returns figures with their sources, the one to compare with first.

    The strongest of them is last. The list is empty if nothing is published about the
    data of the recipe.
    """
    figures = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    return figures.get(f"{task}/{recipe}", [])
