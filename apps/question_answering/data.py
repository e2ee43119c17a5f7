"""Loads questions with their contexts, encodes them as token ids and batches them."""

import sys
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from apps.common.data.batches import PaddedBatches, rows_of
from apps.common.data.text import batches_of_texts, encoded, rewritten, valid_utf8
from apps.common.data.vectors import GLOVE, with_frequent_words
from apps.common.data.vocabulary import TokenCounts, Vocabulary
from apps.common.portable.patterns import SENTENCES, UNKNOWN, UNKNOWN_ID
from apps.question_answering.config import PASSAGES
from apps.question_answering.sources import DATASETS
from apps.question_answering.stories import context_of
from apps.question_answering.tokens import located_tokens

SPLITS = ("train", "validation", "test")
HASHES, UNKNOWN_ANSWER = 2**20, -1
MAX_PARTS = 10**6  # of one sentence: all
MIN_SHAPE_SHARE = 0.15  # a shape with a smaller share of the questions is merged
TUNED = 1000  # most frequent tokens whose pretrained vectors train (Chen et al. 2017)


@dataclass(frozen=True)
class Data:
    """The splits, labels and vocabulary of a data set; a split not read is None.

    Attributes:
        train: Training split, a list of `Story` or `Passage`.
        validation: Validation split, likewise.
        test: Test split, likewise.
        vocabulary: `Vocabulary` of the training split; None if it was not read.
        trained_tokens: Number of token ids, the first ones, whose vectors are trained.
        labels: Answers to stories in the order of their ids; empty for passages.
    """

    train: list | None
    validation: list | None
    test: list | None
    vocabulary: Vocabulary | None
    trained_tokens: int
    labels: list


def load_data(config, splits=SPLITS, labels=None):
    """Reads splits of a data set.

    Args:
        config: A `DataConfig`.
        splits: Names of the splits to read.
        labels: Answers to stories in the order of their ids; by default those of the
            training split, sorted.

    Returns:
        `Data`.

    Raises:
        ValueError: If the data cannot be read, or a split is empty.
    """
    examples = {split: DATASETS[config.dataset](config, split) for split in splits}
    for split, questions in examples.items():
        if not questions:
            raise ValueError(
                f"data.dataset={config.dataset}: the {split} split is empty. Give more "
                "questions, or a separate file for the test split."
            )
    vocabulary, trained_tokens = None, 0
    if "train" in examples:
        vocabulary = _vocabulary(examples["train"], config)
        trained_tokens = len(vocabulary)
        if config.vectors == GLOVE:
            trained_tokens = min(TUNED, trained_tokens)
        vocabulary = with_frequent_words(vocabulary, config)
        if labels is None and config.dataset not in PASSAGES:
            labels = sorted({story.answer for story in examples["train"]})
    return Data(
        **{split: examples.get(split) for split in SPLITS},
        vocabulary=vocabulary,
        trained_tokens=trained_tokens,
        labels=labels or [],
    )


def _vocabulary(examples, config):
    contexts = dict.fromkeys(map(context_of, examples))  # each passage once
    counts = TokenCounts()
    texts = [*contexts, *(example.question for example in examples)]
    for batch in batches_of_texts(texts, 1024):
        tokens, *_ = located_tokens(encoded(batch), config.token_rules)
        counts.update(tokens.flat_values.numpy().tolist())
    size, min_count = config.vocabulary_size, config.min_count
    kept = counts.most_frequent(size, min_count, without=(UNKNOWN,))
    return Vocabulary(kept, config.token_rules)


def text_ids(texts, vocabulary):
    """Encodes texts `(batch,)` as token ids.

    A token outside the vocabulary gets a larger id from its hash, so that equal tokens
    have equal ids.

    Returns:
        The ids, int32, ragged `(batch, tokens)`; then the tokens, starts and ends that
        `located_tokens` returns.
    """
    tokens, starts, ends = located_tokens(texts, vocabulary.rules)
    values = tokens.flat_values
    ids = tf.cast(vocabulary.lookup(values), "int32")
    hashed = tf.cast(tf.strings.to_hash_bucket_fast(values, HASHES), "int32")
    unknown = (ids == UNKNOWN_ID) & (values != UNKNOWN)
    ids = tf.where(unknown, len(vocabulary) + hashed, ids)
    return tokens.with_flat_values(ids), tokens, starts, ends


def story_ids(contexts, vocabulary, sentences):
    """Encodes the last sentences of stories as token ids.

    Args:
        contexts: Strings, `(batch,)`.
        vocabulary: `Vocabulary`.
        sentences: Maximum number of sentences of a story.

    Returns:
        The ids, int32, ragged `(batch, sentences, words)`; and the sentences, strings,
        ragged `(batch, sentences)`.
    """
    rows = story_sentences(contexts, sentences)
    ids, *_ = text_ids(rows.flat_values, vocabulary)
    return rows.with_flat_values(ids), rows


def story_sentences(contexts, sentences):
    """Splits stories into sentences; returns the last, ragged `(batch, sentences)`.

    A sentence ends with one of `STOPS` or the end of a line. A story without text has
    one empty sentence.
    """
    texts = rewritten(valid_utf8(contexts), SENTENCES)
    return tf.strings.split(texts, "\n")[:, -sentences:]


def encode(examples, vocabulary, labels, config):
    """Encodes questions, contexts and answers as ids.

    Questions whose answer lies beyond `config.context_tokens` are left out and counted
    on standard error.

    Args:
        examples: A list of `Story` or `Passage`.
        vocabulary: `Vocabulary`.
        labels: Answers to stories in the order of their ids; empty for passages.
        config: A `DataConfig`.

    Returns:
        A dictionary of lists of arrays. `context` is `(sentences, words)` or
        `(timesteps,)`, and `question` `(timesteps,)`. `targets` is a label's id, or the
        positions of the first and the last token of a passage's answer, `(2,)`.
        `weights`, of the same shape, is 0 for an answer that is not among the labels.

    Raises:
        ValueError: If no question is left.
    """
    ids = {label: index for index, label in enumerate(labels)}
    questions = _by_text([e.question for e in examples], vocabulary)
    rows = []
    if labels:
        parts = _served_sentences([s for story in examples for s in story.sentences])
        texts = ["", *(part for own in parts.values() for part in own)]
        sentences = _by_text(texts, vocabulary)
        for story in examples:
            own = [part for s in story.sentences for part in parts[s]] or [""]
            last = [sentences[part][0] for part in own[-config.sentences :]]
            context = np.zeros((len(last), max(map(len, last))), "int32")
            for row, words in zip(context, last, strict=True):
                row[: len(words)] = words
            target = np.array(ids.get(story.answer, UNKNOWN_ANSWER), "int32")
            rows.append((context, questions[story.question][0], target))
    else:
        contexts = _by_text([p.context for p in examples], vocabulary)
        for passage in examples:
            tokens, starts, ends = contexts[passage.context]
            first, last = _span(passage, starts, ends)
            if last < config.context_tokens:
                context = tokens[: config.context_tokens]
                target = np.array([first, last], "int32")
                rows.append((context, questions[passage.question][0], target))
    if not rows:
        raise ValueError(
            "data.context_tokens: no answer lies within the first "
            f"{config.context_tokens} tokens of its passage. Set a larger number."
        )
    if skipped := len(examples) - len(rows):
        print(
            f"data.context_tokens: left out {skipped:,} of {len(examples):,} "
            "questions, whose answer lies beyond the first "
            f"{config.context_tokens} tokens.",
            file=sys.stderr,
        )
    contexts, question_ids, targets = map(list, zip(*rows, strict=True))
    return {
        "context": contexts,
        "question": question_ids,
        "targets": [np.maximum(target, 0) for target in targets],
        "weights": [(target >= 0).astype("float32") for target in targets],
    }


def _served_sentences(sentences):
    """Returns the sentences that a served model makes of each distinct sentence.

    A full stop inside, as in "Mr. Smith", ends a sentence there, and so it has to in
    training.
    """
    distinct, parts = list(dict.fromkeys(sentences)), {}
    for start in range(0, len(distinct), 1024):
        batch = distinct[start : start + 1024]
        rows = story_sentences(encoded(batch), MAX_PARTS).to_list()
        for sentence, row in zip(batch, rows, strict=True):
            parts[sentence] = [part.decode() for part in row if part]
    return parts


def _by_text(texts, vocabulary):
    """Returns the ids, starts and ends of each distinct text, by text."""
    distinct, encoded_texts = list(dict.fromkeys(texts)), {}
    for start in range(0, len(distinct), 1024):
        part = distinct[start : start + 1024]
        ids, _, starts, ends = text_ids(encoded(part), vocabulary)
        columns = map(rows_of, (ids, starts, ends))
        encoded_texts |= dict(zip(part, zip(*columns, strict=True), strict=True))
    return encoded_texts


def _span(passage, starts, ends):
    """Returns the positions of the answer's first and last token."""
    start, end = passage.start, passage.start + len(passage.answers[0])
    first = int(np.searchsorted(ends, start, side="right"))
    return first, max(first, int(np.searchsorted(starts, end)) - 1)


def batches_of(columns, batch_size):
    """Returns `PaddedBatches` of the columns that `encode` returned."""
    return PaddedBatches(
        columns, batch_size, ("targets", "weights"), min_shape_share=MIN_SHAPE_SHARE
    )
