"""Reads a user's own file, for tests: its rows by split, and the error of a bad one."""

import pytest

from apps.sentiment.config import DataConfig
from apps.sentiment.data import load_data


def config(path, **options):
    return DataConfig(dataset="files", file=str(path), **options)


def pairs(data, split):
    examples = getattr(data, split)
    texts = [text.decode() for text in examples.texts]
    return [(x, data.labels[y]) for x, y in zip(texts, examples.labels, strict=True)]


def refusal(path, splits=("train", "validation"), labels=None, **options):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        load_data(config(path, **options), splits, labels)
    message = str(caught.value)
    assert "\n" not in message
    return message
