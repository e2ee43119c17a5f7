"""Makes clips of a wake word in all voices, of its parts and of other words."""

import itertools

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

VERSION = 2  # raise it with each change of what is said
SETTINGS = Settings(
    version=1, train_clips=2000, validation_clips=200, test_clips=200, lowest_rate=110
)


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
    """Returns texts that are not the wake word: half of each of two kinds.

    They are other words, and parts of the wake word: each of its words, alone and
    beside another word, and its first and second half.

    The word with one phoneme changed is not among them: a model that learnt to tell it
    from the word missed most real recordings, whose sounds differ as much.

    Args:
        word: The wake word.
        language: Name of the language in eSpeak NG.
        synthesizer: A `Synthesizer`.

    Raises:
        ValueError: If eSpeak NG does not know the language.
    """
    try:
        words = synthesizer.phonemes(word, accents_of(language)[0])
    except ValueError:
        raise ValueError(
            "data.language: expected a language of eSpeak NG, such as en, de or fr-fr. "
            f"Received: {language!r}."
        ) from None
    spoken = phrases([word])
    others = [other for other in OTHER_WORDS if not says(other, spoken)]
    kinds = [others, parts(word, words, others)]
    most = max(map(len, kinds))
    return [text for kind in kinds for text in np.resize(kind, most).tolist()]


def parts(word, words, others):
    """Returns texts with a part of the wake word; see `other_texts`.

    Args:
        word: The wake word.
        words: Names of the phonemes of each word; see `Synthesizer.phonemes`.
        others: Other words.
    """
    single, texts = word.split(), []
    if len(single) > 1:
        for one, other in itertools.product(single, others[:10]):
            texts += [one, f"{one} {other}", f"{other} {one}"]
    names = list(itertools.chain.from_iterable(words))
    halves = names[: len(names) // 2], names[len(names) // 2 :]
    return [*texts, *(f"[[{'|'.join(half)}]]" for half in halves if half)]
