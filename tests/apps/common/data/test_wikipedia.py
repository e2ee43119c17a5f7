"""Articles and their splits."""

import pytest

from apps.common.data.wikipedia import articles, split_of


def test_every_article_is_in_one_split(wikipedia):
    splits = {name: articles(name) for name in ("train", "validation", "test")}
    titles = [a["title"] for split in splits.values() for a in split]
    assert sorted(titles) == sorted(a["title"] for a in wikipedia)
    for name, split in splits.items():
        assert split
        assert {split_of(a["title"]) for a in split} == {name}


@pytest.mark.parametrize(
    ("title", "split"),
    [
        ("Anarchism", "train"),
        ("River", "test"),
        ("Genève", "validation"),
        ("\ud800", "validation"),
    ],
)
def test_the_split_is_a_matter_of_the_title(title, split):
    assert split_of(title) == split
