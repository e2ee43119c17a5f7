"""Chooses the settings that are "auto", by facts of the training texts."""

import sys
from dataclasses import asdict, dataclass

import numpy as np

from apps.common.choices import AUTO, with_choices
from apps.common.data.packages import fetch
from apps.common.data.splits import random_rows
from apps.common.data.text import batches_of_texts, tokenize
from apps.common.data.text import encoded as encoded_texts
from apps.common.data.vectors import GLOVE
from apps.sentiment.data import BUCKETS, training_texts

SAMPLE = 5_000  # texts whose tokens are looked at
STEPS = 1_500  # updates that a training has at least, within the limits of EPOCHS
EPOCHS = (4, 16)
BATCH_SIZES = ((1_000, 8), (8_000, 16), (50_000, 32))  # fewer texts than: batch size
LARGEST_BATCH = 64
MAX_LENGTH, COVERED = 512, 0.95
AVERAGED = 0.05  # part of the training over which the weights are averaged
LARGEST_MOMENTUM = 0.99
ENGLISH = frozenset(  # frequent in English; rare in languages with the same letters
    (
        *("the", "and", "to", "that", "it", "with", "this", "are", "not", "you"),
        *("they", "from", "what", "which", "his", "your", "were", "but", "would"),
        *("there", "been", "or"),
    )
)
ENGLISH_SHARE = 0.05  # of the tokens; English has 0.1 to 0.2, other languages 0.01
VECTOR_WORDS, GLOVE_DIMENSIONS = 100_000, 50


@dataclass(frozen=True)
class Facts:
    """What the settings depend on.

    Attributes:
        texts: Number of training texts.
        length: Number of tokens that `COVERED` of them have at most.
        english: Fraction of the tokens that are words of `ENGLISH`.
    """

    texts: int
    length: int
    english: float


def facts_of(texts, rules):
    """Returns the `Facts` of training texts.

    Args:
        texts: A sequence of texts in UTF-8.
        rules: Version of the rules for tokens.
    """
    lengths, english = [], 0
    sample = (texts[row] for row in random_rows(len(texts), SAMPLE))
    for batch in batches_of_texts(sample, 1024):
        tokens = tokenize(encoded_texts(batch), rules)
        lengths += tokens.row_lengths().numpy().tolist()
        english += sum(t.decode() in ENGLISH for t in tokens.flat_values.numpy())
    length = int(np.quantile(lengths, COVERED, method="higher"))
    return Facts(len(texts), length, english / sum(lengths))


def _vectors(config, facts):
    """Returns the word vectors to take, a value of `data.vectors`."""
    data, model = config.data, config.model
    if data.vectors != AUTO:
        return data.vectors
    if data.vector_words not in (AUTO, 0):
        return GLOVE
    if model.pretrained or model.embedding_dim != GLOVE_DIMENSIONS:
        return "random"
    if facts.english < ENGLISH_SHARE:
        return "random"
    try:
        fetch(GLOVE)
    except ValueError as error:
        print(f"Without pretrained word vectors: {error}", file=sys.stderr)
        return "random"
    return GLOVE


def choices_of(vectors, facts, batch_size=AUTO, epochs=AUTO):
    """Returns the value of each setting that may be "auto", by section and key.

    Args:
        vectors: Value of `data.vectors`.
        facts: `Facts` of the training texts.
        batch_size: Value of `train.batch_size`.
        epochs: Value of `train.epochs`.
    """
    if batch_size == AUTO:
        batch_size = next(
            (size for limit, size in BATCH_SIZES if facts.texts < limit), LARGEST_BATCH
        )
    steps = -(-facts.texts // batch_size)
    if epochs == AUTO:
        epochs = int(np.clip(-(-STEPS // steps), *EPOCHS))
    momentum = np.clip(1 - 1 / (AVERAGED * steps * epochs), 0, LARGEST_MOMENTUM)
    pretrained = vectors != "random"
    length = next((n for n in BUCKETS if n >= facts.length), MAX_LENGTH)
    return {
        "data": {
            "max_length": length,
            "vectors": vectors,
            "vector_words": VECTOR_WORDS if pretrained else 0,
        },
        "train": {
            "epochs": epochs,
            "patience": max(3, epochs // 2),
            "batch_size": batch_size,
            "learning_rate": 0.004 if pretrained else 0.002,
            "average_momentum": round(float(momentum), 3),
        },
    }


def adapted(config):
    """Replaces the settings that are "auto"; prints facts and choices in two lines.

    Args:
        config: A `Config`.

    Raises:
        ValueError: If the training split cannot be read.
    """
    chosen = _auto(config)
    if not chosen:
        return config
    facts = facts_of(training_texts(config.data), config.data.token_rules)
    given = config.train.batch_size, config.train.epochs
    choices = choices_of(_vectors(config, facts), facts, *given)
    config = with_choices(config, choices)
    language = "English" if facts.english >= ENGLISH_SHARE else "not English"
    cut = ""
    if facts.length > config.data.max_length:
        cut = f" (tokens after the first {config.data.max_length} are left out)"
    print(
        f"{facts.texts:,} training texts, {language}, 95% of them with at most "
        f"{facts.length:,} tokens{cut}. Chosen: "
        + " ".join(f"{s}.{k}={getattr(getattr(config, s), k)}" for s, k in chosen)
        + "."
    )
    return config


def _auto(config):
    """Returns section and key of each setting that is "auto"."""
    return [
        (section, key)
        for section, settings in asdict(config).items()
        for key, value in settings.items()
        if value == AUTO
    ]
