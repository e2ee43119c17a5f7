"""Chooses what is read aloud where no command word may be said."""

import re

from apps.common.data.movie_snippets import movie_snippets
from apps.common.data.splits import sha1_modulo
from apps.common.data.wikipedia import articles

NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
)
DIGITS = {str(number) for number in range(10)}
# "to" and "for" are left, since a sentence reduces them.
SOUND_ALIKE = (
    *({"no", "know"}, {"right", "write", "rite", "wright"}, {"one", "won"}),
    *({"two", "too"}, {"four", "fore"}, {"eight", "ate"}),
)
FEWEST_WORDS, MOST_WORDS = 4, 40  # of a sentence
TENTHS = {"train": range(6), "validation": range(6, 8), "test": range(8, 10)}


def sentences_without(labels, split):
    """Returns a split's sentences in which no label is said.

    They are those of English Wikipedia's lead paragraphs and of film reviews, in ASCII;
    a hash of each chooses its split. A word that sounds as a label does counts as the
    label, and if a label is a number, every sentence with a digit is left out.

    Args:
        labels: Names of the labels.
        split: "train", "validation" or "test".

    Returns:
        The sentences, sorted, and how many were left out for a label.
    """
    spoken = phrases(labels)
    sentences = {
        sentence
        for text in _texts()
        for sentence in re.split(r"(?<=[.!?])\s+", text)
        if sentence.isascii()
        and FEWEST_WORDS <= len(_words(sentence)) <= MOST_WORDS
        and sha1_modulo(sentence, 10) in TENTHS[split]
    }
    kept = sorted(sentence for sentence in sentences if not says(sentence, spoken))
    return kept, len(sentences) - len(kept)


def phrases(labels):
    """Returns what is not to be said: the labels as words, and what sounds like them.

    Args:
        labels: Names of the labels; those that begin with "_" are no words, and "3" is
            "three".
    """
    spoken = {as_words(label) for label in labels}
    for group in SOUND_ALIKE:
        if group & spoken:
            spoken |= group
    return sorted(spoken - {""})


def as_words(label):
    """Returns what is said for a label: "three" for "3"; for "_unknown_" nothing."""
    if label[0] == "_":
        return ""
    words = [NUMBERS[int(w)] if w in DIGITS else w for w in _words(label)]
    return " ".join(words)


def says(text, spoken):
    """Returns whether one of the phrases, or a digit that may be one, is in a text."""
    if set(spoken) & set(NUMBERS) and re.search(r"\d", text):
        return True
    padded = f" {' '.join(_words(text))} "
    return any(f" {phrase} " in padded for phrase in spoken)


def _words(text):
    return re.findall(r"[a-z0-9]+", text.lower().replace("'", ""))


def _texts():
    """Yields lead paragraphs and snippets."""
    for split in TENTHS:
        yield from (article["extract"] for article in articles(split))
    yield from (text for text, _ in movie_snippets())
