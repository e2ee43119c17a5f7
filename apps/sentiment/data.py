"""Loads labelled texts, encodes them as token ids and batches them."""

import heapq
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.common.data.batches import PaddedBatches
from apps.common.data.datasets import load_dataset
from apps.common.data.faulty import RowError, good_rows
from apps.common.data.movie_snippets import movie_snippets
from apps.common.data.splits import normalised, split_by_hash, text_hash
from apps.common.data.spool import Spool
from apps.common.data.tables import check_format, labelled_rows
from apps.common.data.vectors import with_frequent_words
from apps.common.data.vocabulary import Vocabulary

SPLITS = ("train", "validation", "test")
BUCKETS = (16, 32, 64, 128, 192, 256, 320, 384, 512)


@dataclass(frozen=True)
class Examples:
    """Texts in UTF-8 and the id of each text's label, in the same order."""

    texts: Spool
    labels: np.ndarray


@dataclass(frozen=True)
class Data:
    """The splits, labels and vocabulary of a data set; a split not read is None.

    Attributes:
        train: Training split.
        validation: Validation split.
        test: Test split.
        labels: Names of the labels in the order of their ids.
        vocabulary: `Vocabulary` of the training split; None if it was not read.
        trained_tokens: Number of token ids whose vectors are trained. Later ids are
            words that only the pretrained vectors have.
    """

    train: Examples | None
    validation: Examples | None
    test: Examples | None
    labels: list
    vocabulary: Vocabulary | None
    trained_tokens: int


def split_of(text):
    """Returns a text's split by its hash: 10% test, 10% validation."""
    return split_by_hash(normalised(text))


def _movie_snippets(config, split):
    return [
        (text, "positive" if rating > 0 else "negative")
        for text, rating in movie_snippets()
        if abs(rating) > 0.3 and split_of(text) == split
    ]


def _imdb_reviews(config, split):
    rows = load_dataset("imdb_reviews", "test" if split == "test" else "train")
    for text, label in _label_names(rows, "text"):
        held_out = text_hash(text, 10) == 1
        if split == "test" or held_out == (split == "validation"):
            yield text, label


def _label_names(dataset, text_key):
    names = np.array(["negative", "positive"])
    for batch in dataset.batch(1024).as_numpy_iterator():
        texts = [text.decode("utf-8", "replace") for text in batch[text_key].tolist()]
        yield from zip(texts, names[batch["label"]].tolist(), strict=True)


def _sst2(config, split):
    if split == "test":  # the published test split has no labels
        return _label_names(load_dataset("glue/sst2", "validation"), "sentence")
    rows = list(_label_names(load_dataset("glue/sst2", "train"), "sentence"))
    held_out = [
        s for s in _sentences(text for text, _ in rows) if text_hash(s, 20) == 1
    ]
    if split == "validation":
        held_out = set(held_out)
        return [row for row in rows if " ".join(row[0].split()) in held_out]
    inside = set(held_out).union(*map(_phrases, held_out))
    return [row for row in rows if " ".join(row[0].split()) not in inside]


def _sentences(phrases):
    """Returns the phrases that are part of no other phrase."""
    inside, sentences = set(), []
    for words in sorted({tuple(p.split()) for p in phrases}, key=len, reverse=True):
        if (phrase := " ".join(words)) not in inside:
            sentences.append(phrase)
            inside |= _phrases(phrase, shortest=1)
    return sentences


def _phrases(sentence, shortest=3):
    """Returns a sentence's n-grams of words for every n >= `shortest`."""
    words = sentence.split()
    return {
        " ".join(words[start:end])
        for start in range(len(words))
        for end in range(start + shortest, len(words) + 1)
    }


def _files(config, split):
    """Reads the user's own file: 10% validation and, without a test file, 10% test."""
    if not config.file:
        raise ValueError(
            "data.file: expected the path of a CSV, TSV or JSON Lines file."
        )
    if config.test_file:
        check_format(Path(config.test_file), config.separator)
    if split == "test" and config.test_file:
        yield from _own_rows(config.test_file, config)
        return
    for text, label in _own_rows(config.file, config):
        text_split = split_of(text)
        if config.test_file and text_split == "test":
            text_split = "train"  # the test split is `test_file`
        if text_split == split:
            yield text, label


def _own_rows(path, config):
    columns = config.text_column, config.label_column
    return labelled_rows(Path(path), *columns, **config.table_format)


DATASETS = {
    "movie_snippets": _movie_snippets,
    "imdb_reviews": _imdb_reviews,
    "sst2": _sst2,
    "files": _files,
}


def load_data(config, splits=SPLITS, labels=None, vocabulary=None):
    """Reads splits of a data set.

    Args:
        config: A `DataConfig`.
        splits: Names of the splits to read.
        labels: Names of the labels in the order of their ids; by default those of the
            training split, sorted.
        vocabulary: `Vocabulary`; by default that of the training split, if it is read,
            with the `config.vector_words` most frequent pretrained words.

    Returns:
        `Data`.

    Raises:
        ValueError: If the data cannot be read, a split is empty, or there are fewer
            than two labels.
    """
    spooled = {split: _spooled(_rows(config, split)) for split in splits}
    for split, (texts, _, _) in spooled.items():
        _check_size(config, split, texts)
    if labels is None:
        labels = sorted(spooled["train"][2])
        if len(labels) < 2:
            raise ValueError(
                f"data.dataset={config.dataset}: expected at least two labels in the "
                f"training split. Received only {labels[0]!r}."
            )
    trained_tokens = len(vocabulary) if vocabulary else 0
    if "train" in spooled and vocabulary is None:
        texts, *_ = spooled["train"]
        vocabulary = Vocabulary.from_texts(
            texts,
            size=config.vocabulary_size,
            min_count=config.min_count,
            rules=config.token_rules,
        )
        trained_tokens = len(vocabulary)
        vocabulary = with_frequent_words(vocabulary, config)
    examples = {
        split: _examples(config, split, labels, *spooled[split]) for split in spooled
    }
    return Data(
        **{split: examples.get(split) for split in SPLITS},
        labels=labels,
        vocabulary=vocabulary,
        trained_tokens=trained_tokens,
    )


def _rows(config, split):
    """Yields `(text, label)` of a split; of "train" at most `config.labelled`."""
    rows = DATASETS[config.dataset](config, split)
    if split != "train" or not config.labelled:
        return rows
    hashes = 2**64  # the smallest hashes are a random sample, always the same
    wanted = config.labelled
    return heapq.nsmallest(wanted, rows, key=lambda row: text_hash(row[0], hashes))


def training_texts(config):
    """Returns the texts of the training split in UTF-8, a `Spool`.

    Args:
        config: A `DataConfig`.

    Raises:
        ValueError: If the data cannot be read, or the split is empty.
    """
    texts, *_ = _spooled(_rows(config, "train"))
    _check_size(config, "train", texts)
    return texts


def _check_size(config, split, texts):
    if not texts:
        raise ValueError(
            f"data.dataset={config.dataset}: the {split} split is empty: too few "
            "texts to split. Give at least about 100."
        )


def _spooled(rows):
    """Returns the texts, the index of each text's label, and the distinct labels."""
    texts, indices, labels = Spool(bytes), array("i"), {}
    for text, label in rows:
        texts.append(text.encode("utf-8", "replace"))
        indices.append(labels.setdefault(label, len(labels)))
    return texts, indices, list(labels)


def _examples(config, split, labels, texts, indices, split_labels):
    """Returns the `Examples` of a split; see `_spooled` for the last arguments.

    With `config.skip_bad_rows` rows whose label is not in `labels` are left out.
    """
    ids = {label: index for index, label in enumerate(labels)}
    label_ids = np.array([ids.get(label, -1) for label in split_labels], "int32")
    label_ids = label_ids[indices]
    if set(split_labels) <= set(ids):
        return Examples(texts, label_ids)
    path = (split == "test" and config.test_file) or config.file or config.dataset
    rows = (
        RowError(
            f"{path}: the label {split_labels[index]!r} of a row of the {split} split "
            f"does not occur in the training split, which has {', '.join(labels)}."
        )
        if label_id < 0
        else text
        for text, index, label_id in zip(texts, indices, label_ids, strict=True)
    )
    noun = f"rows of the {split} split"
    texts = Spool(bytes, good_rows(path, rows, config.skip_bad_rows, noun))
    return Examples(texts, label_ids[label_ids >= 0])


def encode(examples, vocabulary, max_length):
    """Encodes texts as token ids.

    Args:
        examples: `Examples`.
        vocabulary: `Vocabulary`.
        max_length: Maximum number of tokens of a text.

    Returns:
        A dictionary of columns, int32: `token_ids`, an array `(timesteps,)` per text,
        and `labels`, a label id per text.
    """
    rows = Spool("int32", vocabulary.encode(examples.texts, max_length))
    return {"token_ids": rows, "labels": examples.labels}


def batches_of(columns, batch_size, max_length):
    """Returns `PaddedBatches` of the columns that `encode` returned."""
    lengths = [*(size for size in BUCKETS if size < max_length), max_length]
    return PaddedBatches(columns, batch_size, ("labels",), lengths=lengths)
