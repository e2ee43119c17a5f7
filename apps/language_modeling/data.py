"""Loads running text, encodes it as token ids and cuts it into windows."""

import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.common.data.batches import WHOLE, filled
from apps.common.data.datasets import load_dataset
from apps.common.data.reading import KnownIds
from apps.common.data.splits import text_hash
from apps.common.data.vocabulary import Vocabulary
from apps.common.data.wikipedia import articles
from apps.language_modeling.corpus import opened
from apps.language_modeling.encoding import (
    REPLACED,
    build_vocabulary,
    empty_split,
    id_table,
    known_ids,
    write_numbers,
)
from apps.language_modeling.files import lines_of, own_text
from apps.language_modeling.shards import Shards

SPLITS = ("train", "validation", "test")
PTB_FILES = {
    "train": "ptb.train.txt",
    "validation": "ptb.valid.txt",
    "test": "ptb.test.txt",
}


@dataclass(frozen=True)
class Data:
    """The splits and the vocabulary of a text; a split not read is None.

    Attributes:
        train: Token ids of the training split, int32 `(tokens,)`, memory-mapped; an
            array or `Shards`.
        validation: Token ids of the validation split, likewise.
        test: Token ids of the test split, likewise.
        vocabulary: `Vocabulary`.
    """

    train: np.ndarray | Shards | None
    validation: np.ndarray | Shards | None
    test: np.ndarray | Shards | None
    vocabulary: Vocabulary


def _wikipedia(config, split):
    for article in articles(split):
        yield article["extract"]


def _ptb(config, split):
    path = Path(config.directory, PTB_FILES[split])
    if not config.directory or not path.exists():
        raise ValueError(
            "data.directory: expected the folder with Mikolov's ptb.train.txt, "
            f"ptb.valid.txt and ptb.test.txt. Received: {config.directory!r}."
        )
    if not path.stat().st_size:
        raise ValueError(f"{path}: the file is empty.")
    yield from lines_of(path, config.encoding)


def _tiny_shakespeare(config, split):
    for example in load_dataset("tiny_shakespeare", split).as_numpy_iterator():
        yield from example["text"].decode("utf-8").splitlines(keepends=True)


def _imdb_reviews(config, split):
    """Reads labelled and unlabelled film reviews, but not the set's test split.

    The validation split is that of the sentiment app. The test split is 5% of the
    unlabelled reviews.
    """
    if split != "test":
        for text in _texts(load_dataset("imdb_reviews", "train")):
            if (text_hash(text, 10) == 1) == (split == "validation"):
                yield text
    if split != "validation":
        for text in _texts(load_dataset("imdb_reviews", "unsupervised")):
            if (text_hash(text, 20) == 1) == (split == "test"):
                yield text


def _texts(dataset):
    for batch in dataset.batch(1024).as_numpy_iterator():
        yield from (text.decode("utf-8", "replace") for text in batch["text"].tolist())


DATASETS = {
    "wikipedia": _wikipedia,
    "ptb": _ptb,
    "tiny_shakespeare": _tiny_shakespeare,
    "imdb_reviews": _imdb_reviews,
    "files": own_text,
}


def load_data(config, splits=SPLITS, vocabulary=None, max_tokens=None, corpora=None):
    """Reads splits of a text.

    Args:
        config: A `DataConfig`.
        splits: Names of the splits to read.
        vocabulary: `Vocabulary`; by default that of the training split.
        max_tokens: Maximum number of tokens of a split, its first ones; None reads all.
        corpora: `Corpora`, where the user's own large text is encoded once, by all
            workers together; without it each process encodes every text by itself.

    Returns:
        `Data`.

    Raises:
        ValueError: If the data cannot be read, or a split is empty.
    """
    if corpora and config.dataset == "files":
        directory = corpora.encode(config, splits)
        if directory:
            return Data(**dict.fromkeys(SPLITS) | opened(directory, config, splits))
    rows = {}
    if vocabulary is None:
        rows["train"], vocabulary = _counted(config)
        rows["train"] = rows["train"][:max_tokens]
    for split in splits:
        if split not in rows:
            rows[split] = _encoded(config, split, vocabulary, max_tokens)
    rows = {split: rows[split] for split in splits}
    return Data(**{split: rows.get(split) for split in SPLITS}, vocabulary=vocabulary)


def _counted(config):
    """Reads the training split once: counts its tokens, and writes their ids.

    The file first has the numbers of tokens in the order in which they came; each is
    replaced by its id when the vocabulary is known.

    Returns:
        The token ids, memory-mapped, and the vocabulary, most frequent tokens first.
    """
    texts = DATASETS[config.dataset](config, "train")
    with tempfile.TemporaryFile() as file:
        reader = write_numbers(texts, config, file, "line")
        vocabulary = build_vocabulary(config, reader.counts())
        file.flush()
        rows, known = np.memmap(file, "int32", "r+"), KnownIds(vocabulary.tokens)
        tables = [id_table(tokens, known) for tokens, _ in reader.segments()]
        table = np.concatenate(tables)
        for place in range(0, len(rows), REPLACED):
            block = rows[place : place + REPLACED]
            block[:] = table[block]
        return np.memmap(file, "int32", "r"), vocabulary


def _encoded(config, split, vocabulary, max_tokens):
    """Writes a split's token ids to a temporary file; returns them memory-mapped."""
    texts = DATASETS[config.dataset](config, split)
    with tempfile.TemporaryFile() as file:
        for ids in known_ids(texts, config, vocabulary, "line"):
            file.write(ids)
            if max_tokens and file.tell() >= 4 * max_tokens:
                break
        file.flush()
        if not file.tell():
            raise empty_split(config, split)
        return np.memmap(file, "int32", "r")[:max_tokens]


class Windows:
    """Batches windows of a text for truncated backpropagation through time.

    The text is cut into `batch_size` streams. A batch holds the next window of each
    stream. It is `({"token_ids": (batch, timesteps), "first": ()}, targets (batch,
    timesteps))`; `first` is True at the beginning of the streams. Windows have few
    different lengths, so that XLA compiles few shapes.

    Args:
        ids: Token ids, `(tokens,)`; an array or `Shards`.
        batch_size: Number of streams.
        window: Mean number of timesteps of a window.

    Raises:
        ValueError: If the text is too short for one window of each length.
    """

    def __init__(self, ids, batch_size, window):
        self.ids, self.batch_size = ids, batch_size
        self.columns = len(ids) // batch_size
        self.lengths = [round(window * share) for share in (0.7, 0.9, 1.1, 1.3)]
        self.rounds, self.left = divmod(self.columns - 1, sum(self.lengths))
        if self.rounds < 1:
            raise ValueError(
                f"The text is too short: {len(ids):,} tokens. {batch_size} streams of "
                f"windows of about {window} timesteps need at least "
                f"{batch_size * (sum(self.lengths) + 1):,}. Give a longer text, or a "
                "lower train.batch_size or train.window."
            )
        self.steps, self.window = len(self.lengths) * self.rounds, window
        self.steps_in_order = -(-(self.columns - 1) // window)

    @classmethod
    def for_validation(cls, ids, batch_size, window):
        """Returns windows of a text; a short text is cut into fewer streams."""
        least = 4 * window + 1
        windows = cls(ids, max(1, min(batch_size, len(ids) // least)), window)
        windows.steps = windows.steps_in_order  # only `in_order` is called
        return windows

    def shuffled(self, seed, epoch=0, shard=WHOLE):
        """Returns training batches, endlessly; each epoch's windows begin at random.

        Each replica always reads the same streams, so it carries only their state.

        Args:
            seed: Seed of the windows' offsets and lengths.
            epoch: Number of the first epoch.
            shard: The `Shard` of each batch to return.
        """
        shard.check(self.batch_size)

        def windows():
            for number in itertools.count(epoch):
                rng = np.random.default_rng([seed, number])
                lengths = rng.permutation(np.repeat(self.lengths, self.rounds))
                yield from self._cut(rng.integers(self.left + 1), lengths, shard)

        return self._dataset(windows, shard)

    def in_order(self, shard=WHOLE):
        """Returns the whole text once, in windows of one length but the last."""
        rest = (self.columns - 1) - self.window * (self.steps_in_order - 1)
        lengths = [self.window] * (self.steps_in_order - 1) + [rest]
        return self._dataset(lambda: self._cut(0, lengths, shard), shard)

    def _cut(self, start, lengths, shard):
        count, ends = self.batch_size, start + np.cumsum(lengths)
        for begin, end in zip((start, *ends), ends, strict=False):
            for rows in shard.cuts(count):
                ids = self._window(range(*rows.indices(count)), begin, end + 1)
                ids = filled(ids, shard.rows(count))
                yield {"token_ids": ids[:, :-1], "first": begin == start}, ids[:, 1:]

    def _window(self, streams, begin, end):
        """Returns a window of streams, int32 `(streams, end - begin)`."""
        ids = np.empty((len(streams), end - begin), "int32")
        for row, stream in zip(ids, streams, strict=True):
            first = stream * self.columns
            row[:] = self.ids[first + begin : first + end]
        return ids

    def _dataset(self, windows, shard):
        ids = tf.TensorSpec((shard.rows(self.batch_size), None), "int32")
        signature = ({"token_ids": ids, "first": tf.TensorSpec((), "bool")}, ids)
        dataset = tf.data.Dataset.from_generator(windows, output_signature=signature)
        return dataset.prefetch(8)
