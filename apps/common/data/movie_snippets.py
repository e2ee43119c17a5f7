"""Reads snippets with ratings, downloaded with pip: film reviews, and three others."""

import tarfile

from apps.common.data.packages import fetch

FILES = {
    "movies": "movieReviewSnippets",
    "tweets": "tweets",
    "products": "amazonReviewSnippets",
    "news": "nytEditorialSnippets",
}


def movie_snippets(kind="movies"):
    """Returns `(text, rating)` of each snippet; a rating above 0 is favourable.

    Args:
        kind: A name of `FILES`.
    """
    with tarfile.open(fetch("movie_snippets")) as package:
        name = next(n for n in package.getnames() if n.endswith("ICWSM_2014.tar.gz"))
        with tarfile.open(fileobj=package.extractfile(name)) as archive:
            member = f"hutto_ICWSM_2014/{FILES[kind]}_GroundTruth.txt"
            lines = archive.extractfile(member).read().decode("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return [(text, float(rating)) for _, rating, text in rows]
