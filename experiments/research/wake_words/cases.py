"""Reads real recordings: which are learnt from, which are tested, and other words."""

import functools
import random
from dataclasses import dataclass

from apps.common.data.datasets import load_dataset
from apps.common.portable.audio import as_float, read_audio
from apps.speech_commands.audio_files import audio_files

DIGITS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
)
LEARNT, TESTED = range(5, 50), range(5)  # recordings of a digit
MOST_LEARNT = 100  # recordings of a word


@dataclass(frozen=True)
class Case:
    """A word with the recordings to learn from and those to test on.

    Attributes:
        name: Name of the case.
        word: The word.
        sample_rate_hz: Sample rate of the recordings.
        learnt: Functions that read a recording to learn from, in the order of use.
        tested: The same of recordings of the word, by group.
        others: The same of recordings of other words.
    """

    name: str
    word: str
    sample_rate_hz: int
    learnt: list
    tested: dict
    others: list


def cases_of_words(directory):
    """Returns a `Case` for each word of a directory with a folder for each word.

    Recordings are shuffled. At most half of them, and at most 100, can be learnt from;
    the others are tested.

    Raises:
        ValueError: If there are no recordings.
    """
    if not directory.is_dir():
        raise ValueError(f"{directory}: expected a folder with a folder for each word.")
    files = {
        folder.name.replace("_", " "): [
            functools.partial(read_audio, path, 16000) for path in paths
        ]
        for folder in sorted(directory.iterdir())
        if folder.is_dir() and (paths := audio_files(sorted(folder.iterdir()))[0])
    }
    if not files:
        raise ValueError(f"{directory}: expected a folder with a folder for each word.")
    cases = []
    for word, mine in files.items():
        mine = random.Random(1).sample(mine, len(mine))
        count = min(MOST_LEARNT, len(mine) // 2)
        others = [read for other in files if other != word for read in files[other]]
        tested = {"any speaker": mine[count:]}
        cases.append(Case(word, word, 16000, mine[:count], tested, others))
    return cases


def cases_of_digits(speakers=None):
    """Returns a `Case` for each digit and speaker of Free Spoken Digit.

    Args:
        speakers: Names of the speakers to learn from; all by default.

    Raises:
        ValueError: If there is no such speaker.
    """
    waves = {}
    for example in load_dataset("spoken_digit", "train").as_numpy_iterator():
        name = example["audio/filename"].decode().removesuffix(".wav")
        digit, speaker, number = name.split("_")
        wave = as_float(example["audio"].astype("int16"))
        waves[int(digit), speaker, int(number)] = wave

    def read(digit, speaker, number):
        return functools.partial(waves.__getitem__, (digit, speaker, number))

    everyone = sorted({speaker for _, speaker, _ in waves})
    if unknown := sorted(set(speakers or []) - set(everyone)):
        raise ValueError(
            f"--speakers: expected some of {', '.join(everyone)}. "
            f"Received: {unknown[0]!r}."
        )
    cases = []
    for digit, word in enumerate(DIGITS):
        for speaker in speakers or everyone:
            learnt = [read(digit, speaker, n) for n in LEARNT]
            random.Random(1).shuffle(learnt)
            strangers = [other for other in everyone if other != speaker]
            tested = {
                "same speaker": [read(digit, speaker, n) for n in TESTED],
                "strangers": [read(digit, s, n) for s in strangers for n in TESTED],
            }
            others = [
                read(other, s, n)
                for other in range(10)
                if other != digit
                for s in everyone
                for n in TESTED
            ]
            name = f"{word} {speaker}"
            cases.append(Case(name, word, 8000, learnt, tested, others))
    return cases
