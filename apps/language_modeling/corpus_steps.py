"""Encodes a corpus step by step: each step reads files, and writes one.

`processes.py` runs the steps in processes that have no Keras.
"""

import functools
import zipfile
from contextlib import contextmanager

from apps.common.data.reading import KnownIds
from apps.common.portable.files import write_json
from apps.common.portable.run_files import VOCABULARY
from apps.common.portable.vocabulary import read_tokens
from apps.language_modeling import shards


def number_part(part, directory, config):
    """Writes the numbers and the counts of the tokens of a `Part`, if missing."""
    path = directory / f"{part.name}.zip"
    if not path.exists():
        shards.write_part(path, part.lines(), config)


def count_bucket(bucket, directory, numbered, config):
    """Writes the counts of a bucket of tokens, if missing.

    Args:
        bucket: Number of the bucket, below `BUCKETS`.
        directory: Path of the corpus.
        numbered: Paths of the files of `number_part` of the training split.
        config: A `DataConfig`.
    """
    path = bucket_path(directory, bucket)
    if not path.exists():
        with damage_in(directory):
            counts = shards.frequent_tokens(numbered, bucket, config)
        write_json(path, counts)


def encode_part(part, directory):
    """Writes the token ids of a `Part`, if missing, and removes its numbers."""
    ids, numbers = (directory / f"{part.name}.{end}" for end in ("npy", "zip"))
    if not ids.exists():
        with damage_in(directory):
            shards.write_ids(ids, numbers, _known_ids(directory / VOCABULARY))
    numbers.unlink(missing_ok=True)


def bucket_path(directory, bucket):
    """Returns the path of the counts of a bucket of tokens."""
    return directory / f"counts-{bucket:02}.json"


@contextmanager
def damage_in(directory):
    """Converts what reading a damaged file raises to an error of one line."""
    try:
        yield
    except (zipfile.BadZipFile, EOFError, FileNotFoundError, KeyError, ValueError) as e:
        raise ValueError(
            f"{directory}: a file is damaged or missing ({e}). Delete the directory: "
            "the same command encodes the text again."
        ) from None


@functools.lru_cache(1)
def _known_ids(path):
    return KnownIds(read_tokens(path))
