"""Loads documents with their summaries and encodes them as token ids.

In the extended vocabulary, a document's unknown token has an id: the vocabulary's size
plus the position of its first occurrence in the document. So it can be copied.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.common.data.datasets import load_dataset
from apps.common.data.ragged import row_ids
from apps.common.data.reading import KEPT, KnownIds, NewIds, TextReader
from apps.common.data.splits import split_by_hash
from apps.common.data.spool import Spool
from apps.common.data.tables import labelled_rows
from apps.common.data.text import batches_of_texts, tokenize
from apps.common.data.vocabulary import Vocabulary
from apps.common.data.wikipedia import articles
from apps.common.portable.patterns import END, UNKNOWN_ID

SPLITS = ("train", "validation", "test")
PUBLISHED = {
    "aeslc": ("email_body", "subject_line"),
    "cnn_dailymail": ("article", "highlights"),
    "gigaword": ("document", "summary"),
}


@dataclass(frozen=True)
class Pairs:
    """Documents and the summary of each, in the same order."""

    documents: Spool
    summaries: Spool

    @property
    def columns(self):
        """Returns documents and summaries."""
        return self.documents, self.summaries


@dataclass(frozen=True)
class Data:
    """The splits and the vocabulary of a data set; a split not read is None."""

    train: Pairs | None
    validation: Pairs | None
    test: Pairs | None
    vocabulary: Vocabulary


def load_data(config, splits=SPLITS, vocabulary=None):
    """Reads splits of a data set.

    Args:
        config: A `DataConfig`.
        splits: Names of the splits to read.
        vocabulary: `Vocabulary`; by default that of the training split.

    Returns:
        `Data`; of published sets without pairs whose document or summary is only white
        space.

    Raises:
        ValueError: If the data cannot be read, or a split is empty.
    """
    pairs = {}
    for split in splits:
        documents, summaries = Spool(str), Spool(str)
        pairs[split] = Pairs(documents, summaries)
        for document, summary in _rows(config, split):
            if document.strip() and summary.strip():
                documents.append(document)
                summaries.append(summary)
        if not documents:
            raise ValueError(
                f"data.dataset={config.dataset}: the {split} split is empty: too few "
                "documents with a summary. Give at least about 100."
            )
    if vocabulary is None:
        counted = Vocabulary.from_texts(
            itertools.chain(*pairs["train"].columns),
            size=config.vocabulary_size,
            min_count=config.min_count,
            rules=config.token_rules,
        )
        vocabulary = Vocabulary([END, *counted.tokens[2:]], counted.rules)
    return Data(**{split: pairs.get(split) for split in SPLITS}, vocabulary=vocabulary)


def _rows(config, split):
    """Yields `(document, summary)` of a split."""
    if config.dataset == "wikipedia_descriptions":
        for article in articles(split):
            if article.get("description"):
                yield article["extract"], article["description"]
    elif config.dataset == "files":
        yield from _files(config, split)
    else:
        keys = PUBLISHED[config.dataset]
        for example in load_dataset(config.dataset, split).as_numpy_iterator():
            yield tuple(example[key].decode("utf-8", "replace") for key in keys)


def _files(config, split):
    """Reads the user's own pairs; of one file 10% are validation and 10% test."""
    if not config.file:
        raise ValueError(
            "data.file: expected a JSON Lines, CSV or TSV file, or a folder with "
            "train.jsonl, validation.jsonl and test.jsonl."
        )
    path = Path(config.file)
    if path.is_dir():
        yield from _own_rows(path / f"{split}.jsonl", config)
        return
    for document, summary in _own_rows(path, config):
        if split_by_hash(" ".join(document.split())) == split:
            yield document, summary


def _own_rows(path, config):
    return labelled_rows(
        path,
        config.document_column,
        config.summary_column,
        ("data.document_column", "data.summary_column"),
        blank_texts=False,
        **config.table_format,
    )


def first_places(documents):
    """Returns the position of each token's first occurrence in its document.

    Args:
        documents: Tokens of documents, ragged `(batch, timesteps)`.

    Returns:
        Positions, int32, ragged `(batch, timesteps)`.
    """
    row = row_ids(documents)
    keys = tf.strings.join([tf.strings.as_string(row), documents.flat_values], " ")
    distinct, index = tf.unique(keys)
    total = tf.range(tf.size(keys))
    first = tf.math.unsorted_segment_min(total, index, tf.size(distinct))
    starts = tf.cast(documents.row_starts(), "int32")
    return documents.with_flat_values(tf.gather(first, index) - tf.gather(starts, row))


def encode_documents(documents, vocabulary, document_tokens):
    """Encodes documents as token ids.

    Args:
        documents: Strings, `(batch,)`.
        vocabulary: `Vocabulary`.
        document_tokens: Maximum number of tokens of a document.

    Returns:
        The tokens, strings; their ids in the vocabulary; and their ids in the extended
        vocabulary. All are ragged, `(batch, timesteps)`.
    """
    tokens = tokenize(documents, vocabulary.rules)[:, :document_tokens]
    ids = tf.cast(vocabulary.lookup(tokens.flat_values), "int32")
    places = first_places(tokens).flat_values
    copy_ids = tf.where(ids == UNKNOWN_ID, len(vocabulary) + places, ids)
    return tokens, tokens.with_flat_values(ids), tokens.with_flat_values(copy_ids)


def encode(pairs, vocabulary, config):
    """Encodes documents and summaries as token ids.

    Args:
        pairs: `Pairs`.
        vocabulary: `Vocabulary`.
        config: A `DataConfig`.

    Returns:
        A dictionary of columns, int32, an array per pair: `token_ids` of the document
        in the vocabulary and `copy_ids` in the extended vocabulary, `(timesteps,)`; and
        `targets`, the summary's ids and the end token, `(steps,)`.
    """
    columns = {name: Spool("int32") for name in ("token_ids", "copy_ids", "targets")}
    known, size, start = KnownIds(vocabulary.tokens), len(vocabulary), 0
    ids = NewIds(size, known)
    reader = TextReader(ids, vocabulary.rules)
    for documents in batches_of_texts(pairs.documents):
        summaries = pairs.summaries[start : start + len(documents)]
        start += len(documents)
        rows = list(reader.rows([*documents, *summaries]))
        for document, summary in zip(
            rows[: len(documents)], rows[len(documents) :], strict=True
        ):
            document = document[: config.document_tokens]
            copy_ids, targets = _copied(document, summary, size)
            token_ids = np.where(document < size, document, UNKNOWN_ID)
            targets = [*targets[: config.summary_tokens], known[END.encode()]]
            row = (token_ids, copy_ids, targets)
            for column, values in zip(columns.values(), row, strict=True):
                column.append(values)
        if len(ids) > KEPT:  # ids of unknown tokens are compared within a pair only
            ids.clear()
            reader.clear()
    return columns


def _copied(document, summary, size):
    """Replaces ids from `size` on by those of the document's extended vocabulary.

    Args:
        document: Ids of a document's tokens; a token outside the vocabulary has one
            from `size` on.
        summary: Ids of the summary's tokens, likewise.
        size: Size of the vocabulary.

    Returns:
        The ids of the document, an array; and those of the summary, a list, in which
        tokens that are in neither have `UNKNOWN_ID`.
    """
    document, new_ids = document.copy(), {}
    for place in np.flatnonzero(document >= size).tolist():
        document[place] = new_ids.setdefault(document[place].item(), size + place)
    ids = (new_ids.get(n, UNKNOWN_ID) if n >= size else n for n in summary.tolist())
    return document, list(ids)
