"""Makes clips of a wake word in all voices, and of what sounds like it."""

import itertools
import re

import numpy as np

from apps.speech_commands.synthesis.clips import (
    Settings,
    Spoken,
    clips_directory,
    make_clips,
    read_split,
)
from apps.speech_commands.synthesis.corpus import OTHER_WORDS, UNKNOWN
from apps.speech_commands.synthesis.espeak import Synthesizer
from apps.speech_commands.synthesis.sentences import phrases, says
from apps.speech_commands.synthesis.voices import accents_of

VERSION = 1  # raise it with each change of what is said
SETTINGS = Settings(
    version=1, train_clips=2000, validation_clips=200, test_clips=200, lowest_rate=110
)
VOWEL = re.compile(r"[',]*[aeiouyAEIOUVQY@03]")


def wake_word_split(split, word, language, seconds, sample_rate_hz):
    """Reads a split from the cache; the first call generates all three splits.

    Args:
        split: "train", "validation" or "test".
        word: The wake word, of one or several words.
        language: Name of the language in eSpeak NG, such as "de".
        seconds: Length of a clip.
        sample_rate_hz: Sample rate of the result in Hz.

    Returns:
        What `read_split` returns. The labels are the word and "_unknown_".

    Raises:
        ValueError: If there is no eSpeak NG, it does not know the language, or the
            cache is damaged.
    """
    key = (VERSION, word, language, seconds, SETTINGS)
    directory = clips_directory("wake_words", *key)
    if not directory.is_dir():
        texts = {word: (word,), UNKNOWN: other_texts(word, language, Synthesizer())}
        accents = accents_of(language)
        make_clips(directory, Spoken(texts, seconds, accents, SETTINGS))
    return read_split(directory, split, sample_rate_hz, seconds)


def other_texts(word, language, synthesizer):
    """Returns texts that are not the wake word: a third of each of three kinds.

    They are the word with one phoneme changed; its parts, that is each single word,
    alone and beside another word, and its first and second half; and other words.

    Args:
        word: The wake word.
        language: Name of the language in eSpeak NG.
        synthesizer: A `Synthesizer`.

    Raises:
        ValueError: If eSpeak NG does not know the language.
    """
    voice = accents_of(language)[0]
    try:
        words = synthesizer.phonemes(word, voice)
    except ValueError:
        raise ValueError(
            "data.language: expected a language of eSpeak NG, such as en, de or fr-fr. "
            f"Received: {language!r}."
        ) from None
    spoken = phrases([word])
    others = [other for other in OTHER_WORDS if not says(other, spoken)]
    inventory = itertools.chain.from_iterable(
        itertools.chain.from_iterable(synthesizer.phonemes(other, voice))
        for other in others
    )
    kinds = [others, parts(word, words, others)]
    if similar := changed(words, sorted({name.strip("',") for name in inventory})):
        kinds.append(similar)
    most = max(map(len, kinds))
    return [text for kind in kinds for text in np.resize(kind, most).tolist()]


def changed(words, inventory):
    """Returns the texts in which one phoneme is another one of its kind.

    A vowel without stress is kept: its change may be an accent.

    Args:
        words: Names of the phonemes of each word; see `Synthesizer.phonemes`.
        inventory: Names of phonemes that may take another's place.
    """
    texts = []
    for number, word in enumerate(words):
        for place, name in enumerate(word):
            plain = name.lstrip("',")
            vowel, stress = bool(VOWEL.match(name)), name[: len(name) - len(plain)]
            if (not plain[:1].isalpha() and not vowel) or (vowel and not stress):
                continue
            for other in inventory:
                if other != plain and bool(VOWEL.match(other)) == vowel:
                    new = [*word[:place], stress + other, *word[place + 1 :]]
                    texts.append(as_text([*words[:number], new, *words[number + 1 :]]))
    return texts


def parts(word, words, others):
    """Returns texts with a part of the wake word; see `other_texts`."""
    single = word.split()
    texts = []
    if len(single) > 1:
        for one, other in itertools.product(single, others[:10]):
            texts += [one, f"{one} {other}", f"{other} {one}"]
    names = [name for one in words for name in one]
    for half in (names[: len(names) // 2], names[len(names) // 2 :]):
        texts += [as_text([half])] if half else []
    return texts


def as_text(words):
    """Returns a text for `Synthesizer.say` with the phonemes of each word."""
    return "[[" + " ".join("|".join(word) for word in words) + "]]"
