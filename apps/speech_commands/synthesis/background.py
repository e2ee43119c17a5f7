"""Makes minutes of sound in which no command word is said, by kind.

A minute is a function of split, kind and number, and of the words left out.
"""

import re
from dataclasses import dataclass

import numpy as np

from apps.common.data.splits import sha1_modulo
from apps.speech_commands.coloured_noise import coloured_noise, level
from apps.speech_commands.synthesis import sounds
from apps.speech_commands.synthesis.corpus import OTHER_WORDS
from apps.speech_commands.synthesis.sentences import says
from apps.speech_commands.synthesis.voices import ACCENTS, all_voices

VERSION = 1  # of the sounds; raise it with each change of what is made
MINUTE_S = 60
# Kinds of sound, and their shares of an hour.
SHARES = {
    "speech": 0.5,
    **dict.fromkeys(("other_words", "babble", "music", "household", "silence"), 0.1),
}


@dataclass(frozen=True)
class Speakers:
    """What the voices of a split say.

    Attributes:
        synthesizer: A `Synthesizer`.
        voices: Names of the split's voices.
        sentences: Sentences without a label.
        words: Words that are no label.
    """

    synthesizer: object
    voices: list
    sentences: list
    words: list

    @classmethod
    def of(cls, split, synthesizer, sentences, spoken, accents=ACCENTS):
        """Returns the speakers of a split.

        Args:
            split: "train", "validation" or "test".
            synthesizer: A `Synthesizer`.
            sentences: Sentences without a label.
            spoken: What is not to be said; see `phrases`.
            accents: Accents of the voices.
        """
        voices = all_voices(split, synthesizer.variants, accents)
        words = [word for word in OTHER_WORDS if not says(word, spoken)]
        return cls(synthesizer, voices, sentences, words)

    def speaker(self, rng):
        """Returns the function by which a random voice says a text, with peak 1."""
        settings = {
            "voice": str(rng.choice(self.voices)),
            "rate": rng.integers(130, 231),
            "pitch": rng.integers(30, 71),
            "pitch_range": rng.integers(20, 81),
        }

        def say(text):
            speech = self.synthesizer.say(text, **settings).astype("float32")
            return speech / np.abs(speech).max()

        return say

    def word(self, rng):
        """Returns a word of the corpus that is no label, or one of a random sentence.

        A model that was trained on the corpus knows the former, not the latter.
        """
        if self.words and rng.random() < 0.5:
            return self.words[rng.integers(len(self.words))]
        words = re.findall(r"[A-Za-z][A-Za-z']*", self.sentence(rng))
        return max((words[n] for n in rng.integers(len(words), size=3)), key=len)

    def sentence(self, rng):
        """Returns a random sentence."""
        return self.sentences[rng.integers(len(self.sentences))]


def make_minute(kind, split, number, speakers):
    """Makes one minute of sound, float32 `(samples,)` at the synthesizer's sample rate.

    Args:
        kind: A key of `SHARES`.
        split: "train", "validation" or "test".
        number: Number of the minute, from 0.
        speakers: `Speakers` of the split, whose synthesizer has said nothing yet.
    """
    seed = sha1_modulo(f"{split} {kind}", 2**32)
    rng = np.random.default_rng([VERSION, seed, number])
    rate_hz = speakers.synthesizer.sample_rate_hz
    samples = MINUTE_S * rate_hz
    if kind == "babble":
        return _babble(rng, samples, speakers)
    if kind in ("speech", "other_words"):
        single = kind == "other_words"
        return _in_noise(rng, _talk(rng, samples, rate_hz, speakers, single))
    return getattr(sounds, kind)(rng, samples, rate_hz, number)


def _talk(rng, samples, rate_hz, speakers, single_words):
    """Returns speakers who follow each other, each with a few sentences or one word."""
    sound = np.zeros(samples, "float32")
    place = int(rng.uniform(0, 1) * rate_hz)
    while place < samples:
        say, gain = speakers.speaker(rng), 10 ** (rng.uniform(-20, 0) / 20)
        for _ in range(1 if single_words else rng.integers(1, 6)):
            text = speakers.word(rng) if single_words else speakers.sentence(rng)
            speech = gain * say(text)[: max(samples - place, 0)]
            sound[place : place + len(speech)] = speech
            pause_s = rng.uniform(0.3, 1.5) if single_words else rng.uniform(0.1, 0.8)
            place += len(speech) + int(pause_s * rate_hz)
    return sound


def _in_noise(rng, speech):
    """Adds coloured noise to three minutes of four, 0 to 30 dB below the speech."""
    if rng.random() < 0.25:
        return speech
    noise = coloured_noise(rng, len(speech), rng.uniform(0, 2))
    power = np.mean(np.square(speech)) / np.mean(np.square(noise))
    noise *= np.float32(np.sqrt(power * 10 ** (-rng.uniform(0, 30) / 10)))
    return _within_range(speech + noise)


def _babble(rng, samples, speakers):
    """Returns four to seven voices at once."""
    sound = np.zeros(samples, "float32")
    for _ in range(rng.integers(4, 8)):
        say, gain, place = speakers.speaker(rng), 10 ** (rng.uniform(-9, 0) / 20), 0
        while place < samples:
            speech = say(speakers.sentence(rng))[: samples - place]
            sound[place : place + len(speech)] += gain * speech
            place += len(speech)
    return _within_range(level(sound) * np.float32(10 ** (rng.uniform(-20, 10) / 20)))


def _within_range(sound):
    return sound / max(1.0, np.abs(sound).max())
