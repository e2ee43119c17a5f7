"""Questions, from their source to batches of token ids."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from apps.common.data.batches import PaddedBatches, rows_of
from apps.common.data.text import (
    UNKNOWN,
    UNKNOWN_ID,
    TokenCounts,
    Vocabulary,
    batches_of_texts,
    encoded,
)
from apps.common.data.vectors import GLOVE, with_frequent_words
from apps.question_answering.config import PASSAGES
from apps.question_answering.sources import DATASETS
from apps.question_answering.tokens import tokens_with_offsets

SPLITS = ("train", "validation", "test")
HASHES, UNKNOWN_ANSWER = 2**20, -1
MIN_SHAPE_SHARE = 0.15  # share of the questions below which a shape joins another
TUNED = 1000  # of pretrained vectors: those of frequent tokens (Chen et al. 2017)


@dataclass(frozen=True)
class Data:
    """What `load_data` returns; a split that was not asked for is None.

    Attributes:
        train: Lists of `Story` or `Passage`.
        validation: As above.
        test: As above.
        vocabulary: `Vocabulary` of the training split, or None.
        trained_tokens: The ids below it belong to tokens whose vectors learn.
        labels: Answers to stories in the order of their ids; none for passages.
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
        splits: Names of the splits to read; the others are not looked at.
        labels: Answers to stories; by default those of the training split, sorted.

    Returns:
        `Data`.

    Raises:
        ValueError: If the data cannot be read, or a split is empty.
    """
    found = {split: DATASETS[config.dataset](config, split) for split in splits}
    for split, examples in found.items():
        if not examples:
            raise ValueError(
                f"The data set {config.dataset} has no {split} question. Give more, or "
                "a file of its own for what is measured."
            )
    vocabulary, trained_tokens = None, 0
    if "train" in found:
        vocabulary = _vocabulary(found["train"], config)
        trained_tokens = len(vocabulary)
        if config.vectors == GLOVE:
            trained_tokens = min(TUNED, trained_tokens)
        vocabulary = with_frequent_words(vocabulary, config)
        if labels is None and config.dataset not in PASSAGES:
            labels = sorted({story.answer for story in found["train"]})
    return Data(
        **{split: found.get(split) for split in SPLITS},
        vocabulary=vocabulary,
        trained_tokens=trained_tokens,
        labels=labels or [],
    )


def context_of(example):
    """Returns the text of a story or a passage."""
    if hasattr(example, "context"):
        return example.context
    return ". ".join(example.sentences)


def _vocabulary(examples, config):
    contexts = dict.fromkeys(map(context_of, examples))  # many questions, one passage
    counts = TokenCounts()
    texts = [*contexts, *(example.question for example in examples)]
    for batch in batches_of_texts(texts, 1024):
        tokens, *_ = tokens_with_offsets(encoded(batch))
        counts.update(tokens.flat_values.numpy().tolist())
    size, min_count = config.vocabulary_size, config.min_count
    return Vocabulary(counts.most_frequent(size, min_count, without=(UNKNOWN,)))


def text_ids(texts, vocabulary):
    """Turns texts `(batch,)` into ids.

    Tokens that the vocabulary has not get ids above it, by a hash, so that the same
    token can be told again.

    Returns:
        The ids, int32 and ragged `(batch, tokens)`, and what `tokens_with_offsets`
        returns.
    """
    tokens, starts, ends = tokens_with_offsets(texts)
    values = tokens.flat_values
    ids = tf.cast(vocabulary.lookup(values), "int32")
    hashed = tf.cast(tf.strings.to_hash_bucket_fast(values, HASHES), "int32")
    lacking = (ids == UNKNOWN_ID) & (values != UNKNOWN)
    ids = tf.where(lacking, len(vocabulary) + hashed, ids)
    return tokens.with_flat_values(ids), tokens, starts, ends


def story_ids(contexts, vocabulary, sentences):
    """Turns the last sentences of stories into ids.

    Args:
        contexts: Strings, `(batch,)`.
        vocabulary: `Vocabulary`.
        sentences: So many of each are kept.

    Returns:
        The ids, int32 and ragged `(batch, sentences, words)`; and the sentences,
        strings, ragged `(batch, sentences)`.
    """
    split_up = story_sentences(contexts, sentences)
    ids, *_ = text_ids(split_up.flat_values, vocabulary)
    return split_up.with_flat_values(ids), split_up


def story_sentences(contexts, sentences):
    """Returns the last sentences of stories, strings, ragged `(batch, sentences)`.

    A sentence ends with a mark or a line; a story without any has an empty one.
    """
    texts = tf.strings.unicode_transcode(contexts, "UTF-8", "UTF-8", errors="replace")
    blank = r"[\s\pZ\pC]"
    for pattern, replacement in (
        (rf"{blank}*[.!?\r\n](?:[.!?]|{blank})*", "\n"),
        (rf"^{blank}+|{blank}+$", ""),
    ):
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    return tf.strings.split(texts, "\n")[:, -sentences:]


def encode(examples, vocabulary, labels, config):
    """Turns questions into token ids.

    Args:
        examples: A list of `Story` or `Passage`.
        vocabulary: `Vocabulary`.
        labels: Answers to stories; none for passages.
        config: A `DataConfig`.

    Returns:
        A dictionary of lists of arrays: `context`, `(sentences, words)` or
        `(timesteps,)`; `question`, `(timesteps,)`; `targets`, a label's id, or the
        first and the last token of a passage's answer, `(2,)`; and `weights` of the
        same shape, 0 for an answer that is not among the labels. Questions whose answer
        is beyond `config.context_tokens` are left out.
    """
    ids = {label: index for index, label in enumerate(labels)}
    questions = _by_text([e.question for e in examples], vocabulary)
    rows = []
    if labels:
        sentences = _by_text(
            [s for story in examples for s in story.sentences], vocabulary
        )
        for story in examples:
            last = [sentences[s][0] for s in story.sentences[-config.sentences :]]
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
            f"{config.context_tokens} tokens of its passage. Take a larger number."
        )
    contexts, asked, targets = map(list, zip(*rows, strict=True))
    return {
        "context": contexts,
        "question": asked,
        "targets": [np.maximum(target, 0) for target in targets],
        "weights": [(target >= 0).astype("float32") for target in targets],
    }


def _by_text(texts, vocabulary):
    """Returns for each text its ids, starts and ends; what comes often is read once."""
    distinct, found = list(dict.fromkeys(texts)), {}
    for start in range(0, len(distinct), 1024):
        part = distinct[start : start + 1024]
        ids, _, starts, ends = text_ids(encoded(part), vocabulary)
        columns = map(rows_of, (ids, starts, ends))
        found |= dict(zip(part, zip(*columns, strict=True), strict=True))
    return found


def _span(passage, starts, ends):
    """Returns the first and the last token of the answer."""
    start, end = passage.start, passage.start + len(passage.answers[0])
    first = int(np.searchsorted(ends, start, side="right"))
    return first, max(first, int(np.searchsorted(starts, end)) - 1)


def batches_of(columns, batch_size):
    """Returns `PaddedBatches` of what `encode` returned."""
    return PaddedBatches(
        columns, batch_size, ("targets", "weights"), min_shape_share=MIN_SHAPE_SHARE
    )
