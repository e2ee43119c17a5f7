"""Speaks the labels of a data set with the training voices of eSpeak NG.

A data set of few people then has more voices to train on. A process of its own makes
the clips, as those of the corpus; the cache keeps them.
"""

import functools
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from apps.common.portable.audio import as_float, as_int16, resample
from apps.common.portable.files import (
    DAMAGED,
    arrays_in,
    atomic_write,
    cache_directory,
)
from apps.common.portable.progress import Progress
from apps.common.portable.terminal import report_errors
from apps.speech_commands.synthesis.clips import Settings, cache_key, random_speech
from apps.speech_commands.synthesis.espeak import Synthesizer, run_speaking
from apps.speech_commands.synthesis.sentences import as_words
from apps.speech_commands.synthesis.voices import ACCENTS, all_voices, made_up

VERSION = 1  # of the clips; raise it with each change of what is made


def with_spoken_labels(rows, count, sample_rate_hz):
    """Returns `sources.Rows` with clips of each label by random training voices.

    A digit is said as its word; labels that begin with "_" get no clips.

    Args:
        rows: `Rows` of a training split.
        count: Number of clips to add for each label.
        sample_rate_hz: Sample rate of the clips in Hz.

    Raises:
        ValueError: When the added clips are read, if eSpeak NG cannot be downloaded,
            there is none for this platform, or the cache is damaged.
    """

    def clips():
        labels = set()
        for name, label, read in rows.clips:
            labels.add(label)
            yield name, label, read
        words = {label: as_words(label) for label in sorted(labels)}
        words = {label: said for label, said in words.items() if said}
        yield from _spoken(words, count, sample_rate_hz)

    return replace(rows, clips=clips(), count=None)


def _spoken(words, count, sample_rate_hz):
    """Yields `(name, label, read)` of `count` clips of each label.

    Args:
        words: What is said for each label.
        count: Number of clips of a label.
        sample_rate_hz: Sample rate of the clips in Hz.
    """
    path = cached_at(words, count)
    if not path.exists():
        _make_in_its_own_process(words, count, path)
    try:
        with arrays_in(path) as made:
            speech = np.split(made["speech"], made["ends"][:-1])
            names, labels = made["names"].tolist(), made["labels"].tolist()
            made_hz = int(made["sample_rate_hz"])
    except DAMAGED as error:
        raise ValueError(
            f"{path}: the file is damaged ({error}). Remove it; the next run makes it "
            "again."
        ) from None
    for name, label, clip in zip(names, labels, speech, strict=True):
        wave = as_float(clip)
        yield name, label, functools.partial(resample, wave, made_hz, sample_rate_hz)


def cached_at(words, count):
    """Returns the file of the clips; its name is a hash of what makes them."""
    key = cache_key(VERSION, Settings(), words, count, ACCENTS)
    return cache_directory() / "spoken_labels" / f"{key}.npz"


def _make_in_its_own_process(words, count, path):
    request = {"words": words, "count": count, "path": str(path.resolve())}
    try:
        run_speaking(__name__, request, "Generating the clips failed")
    except ValueError as error:
        raise ValueError(f"{error} data.synthetic_clips=0 does without.") from None


def make(synthesizer, words, count, path):
    """Speaks `count` clips of each label, and writes them at the synthesizer's rate."""
    rng = np.random.default_rng([VERSION])
    voices = all_voices("train", synthesizer.variants)
    bar = Progress(count * len(words), "clip")
    clips, names, labels = [], [], []
    for label, said in words.items():
        for _ in range(count):
            clip, voice = random_speech(synthesizer, said, voices, rng)
            clips.append(as_int16(clip))
            names.append(f"{said} {voice}")
            labels.append(label)
            bar.add()
    bar.close()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            speech=np.concatenate(clips),
            ends=np.cumsum([len(clip) for clip in clips]),
            names=names,
            labels=labels,
            sample_rate_hz=synthesizer.sample_rate_hz,
        )


if __name__ == "__main__":
    with report_errors():
        make(Synthesizer(made_up()), **json.load(sys.stdin))
