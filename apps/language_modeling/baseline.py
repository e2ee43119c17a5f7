"""A simple baseline: a Kneser-Ney 5-gram with the model's vocabulary."""

import numpy as np

from apps.language_modeling.data import load_data

ORDER = 5
MAX_TOKENS = 2_000_000  # of the training text: a few seconds and 500 MB of memory
FALLBACK = 0.5  # discount where no n-gram occurs once, as in KenLM


def measure_baseline(config, test, vocabulary, start):
    """Counts the n-grams of the training split; measures them on the test split.

    It reads at most the first `MAX_TOKENS` tokens of the training split.

    Args:
        config: A `DataConfig`.
        test: Token ids of the test split, `(tokens,)`.
        vocabulary: The model's `Vocabulary`.
        start: Token id that precedes the test split's first one.

    Returns:
        The baseline's name, and each test token's log-probability, `(tokens,)`.
    """
    train = load_data(config, ("train",), vocabulary, MAX_TOKENS).train
    name = f"Kneser-Ney {ORDER}-gram of {len(train):,} tokens"
    size = len(vocabulary) - 1  # without padding
    return name, log_probabilities(train, test, start, size)


def log_probabilities(train, test, start, vocabulary_size, order=ORDER):
    """Returns each token's log-probability by interpolated Kneser-Ney smoothing.

    Source: Chen and Goodman 1999, "An empirical study of smoothing techniques for
    language modeling", with one discount for each length of n-gram.

    Args:
        train: Token ids of the training text, `(tokens,)`.
        test: Token ids of the test text, `(tokens,)`.
        start: Token id that precedes the test text.
        vocabulary_size: Number of tokens that can occur.
        order: Length of the longest n-gram.

    Returns:
        Natural log-probabilities, `(test tokens,)`.
    """
    size = len(train)
    ids = np.concatenate([train, [start], test]).astype("int64")
    numbers = _ngram_numbers(ids, order)
    places = np.arange(size + 1, len(ids))  # of the test tokens
    p = np.full(len(test), 1 / vocabulary_size)
    for n, (ends, counts) in enumerate(_counted(numbers, size, order), 1):
        once, twice = np.sum(counts == 1), np.sum(counts == 2)
        discount = once / (once + 2 * twice) if once else FALLBACK
        context, ngram = numbers[n - 1], numbers[n]
        of_ngram = np.bincount(ngram[ends], counts, ngram.max() + 1)
        of_context = np.bincount(context[ends - 1], counts, context.max() + 1)
        types = np.bincount(context[ends - 1], minlength=context.max() + 1)
        before, whole = context[places - 1], ngram[places]
        known = (of_context[before] > 0) & (places - size >= n - 1)
        kept = np.maximum(of_ngram[whole] - discount, 0)
        mixed = kept + discount * types[before] * p
        p = np.where(known, mixed / np.maximum(of_context[before], 1), p)
    return np.log(p)


def _ngram_numbers(ids, order):
    """Numbers the n-grams: for n from 0 to `order`, that of the one that ends at each.

    Equal n-grams have equal numbers. Where a text's first tokens leave no room for n,
    the number means nothing.

    Returns:
        A list of arrays, int64 `(tokens,)`.
    """
    numbers = [np.zeros(len(ids), "int64")]
    for _ in range(order):
        context = np.concatenate([[0], numbers[-1][:-1]])
        keys = context * (ids.max() + 1) + ids
        numbers.append(np.unique(keys, return_inverse=True)[1])
    return numbers


def _counted(numbers, size, order):
    """Counts the n-grams of the training text, the first `size` tokens.

    The longest are counted by their occurrences, shorter ones by the distinct tokens
    before them.

    Returns:
        For n from 1 to `order`: where each distinct n-gram ends, and its count.
    """
    levels, ends = [], np.arange(order - 1, size)
    for n in range(order, 0, -1):
        _, first, counts = np.unique(
            numbers[n][ends], return_index=True, return_counts=True
        )
        ends = ends[first]
        levels.insert(0, (ends, counts))
    return levels
