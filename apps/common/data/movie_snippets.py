"""Reads snippets of film reviews, downloaded with pip."""

import tarfile

from apps.common.data.packages import fetch


def movie_snippets():
    """Returns `(text, rating)` of each snippet; a rating above 0 is favourable."""
    with tarfile.open(fetch("movie_snippets")) as package:
        name = next(n for n in package.getnames() if n.endswith("ICWSM_2014.tar.gz"))
        with tarfile.open(fileobj=package.extractfile(name)) as archive:
            member = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
            lines = archive.extractfile(member).read().decode("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return [(text, float(rating)) for _, rating, text in rows]
