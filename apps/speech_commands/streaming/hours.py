"""Keeps log-mel frames of hours of sound in which no command word is said.

The sound itself is not kept. A process of its own makes what the cache lacks, and forks
for each minute: what eSpeak NG says depends on what it said before in its process.
"""

import json
import multiprocessing
import os
import sys
from dataclasses import asdict
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np

from apps.common.portable.audio import resample
from apps.common.portable.files import (
    DAMAGED,
    atomic_write,
    cache_directory,
    exclusive_lock,
)
from apps.common.portable.log_mel import LogMel
from apps.common.portable.progress import Progress
from apps.common.portable.terminal import report_errors
from apps.speech_commands.synthesis.background import (
    MINUTE_S,
    SHARES,
    VERSION,
    Speakers,
    make_minute,
)
from apps.speech_commands.synthesis.clips import cache_key
from apps.speech_commands.synthesis.corpus import OTHER_WORDS
from apps.speech_commands.synthesis.espeak import Synthesizer, run_speaking
from apps.speech_commands.synthesis.sentences import phrases, sentences_without
from apps.speech_commands.synthesis.voices import accents_of, made_up

BATCH = 60  # minutes that are read at once


def background(split, hours, labels, config):
    """Returns the log-mel frames of hours of sound without the labels.

    Args:
        split: "train", "validation" or "test".
        hours: Hours of sound; each kind has its share, in whole minutes.
        labels: Names of the labels.
        config: The `Config` of the model, for its sample rate and features.

    Returns:
        For each kind the list of its files, one a minute: float32 `(frames, bands)`.

    Raises:
        ValueError: If eSpeak NG or the texts cannot be downloaded, or eSpeak NG does
            not support this platform.
    """
    features = {"sample_rate_hz": config.data.sample_rate_hz, **asdict(config.features)}
    spoken = phrases(labels)
    accents = accents_of(config.data.language)
    settings = (VERSION, MINUTE_S, split, spoken, features, OTHER_WORDS, accents)
    key = cache_key(*settings)
    directory = cache_directory() / "background" / key
    files = {
        kind: [directory / f"{kind}-{n:04}.npy" for n in range(minutes(hours, kind))]
        for kind in SHARES
    }
    directory.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(directory):  # of two runs one makes it
        missing = [
            (kind, number)
            for kind, paths in files.items()
            for number, path in enumerate(paths)
            if not path.exists()
        ]
        if missing:
            _make_in_its_own_process(
                directory=str(directory.resolve()),
                split=split,
                labels=labels,
                accents=accents,
                features=features,
                minutes=missing,
            )
    return files


def minutes(hours, kind):
    """Returns a kind's minutes of so many hours in all, at least one."""
    return max(1, round(60 * hours * SHARES[kind]))


def frames_of(files):
    """Yields the frames of up to `BATCH` files, `(files, frames, bands)`.

    Raises:
        ValueError: If a file is damaged.
    """
    for start in range(0, len(files), BATCH):
        yield np.stack([_read(path) for path in files[start : start + BATCH]])


def _read(path):
    try:
        with open(path, "rb") as file:
            return np.load(file, allow_pickle=False)
    except DAMAGED as error:
        raise ValueError(
            f"{path}: the file is damaged ({error}). Remove it; the next evaluation "
            "makes it again."
        ) from None


def _make_in_its_own_process(**request):
    """Makes minutes of sound in a fresh process, and writes their frames."""
    threads = {"OPENBLAS_NUM_THREADS": "1"}  # it has a process a core
    try:
        run_speaking(__name__, request, "Making the sound failed", **threads)
    except ValueError as error:
        raise ValueError(f"{error} evaluation.hours=0 does without.") from None


def make(directory, split, labels, accents, features, minutes):
    """Makes minutes of sound, each in a fork of this process.

    Args:
        directory: Directory of the files.
        split: "train", "validation" or "test".
        labels: Names of the labels.
        accents: Accents of the voices.
        features: Arguments of `LogMel`.
        minutes: Kind and number of each minute.

    Raises:
        ValueError: If a process fails.
    """
    sentences, left_out = sentences_without(labels, split)
    print(
        f"Making {len(minutes)} minutes of sound without the words ({split}); of "
        f"{len(sentences) + left_out:,} sentences {left_out:,} have one and are left "
        "out",
        file=sys.stderr,
        flush=True,
    )
    synthesizer = Synthesizer(made_up())
    spoken = phrases(labels)
    speakers = Speakers.of(split, synthesizer, sentences, spoken, accents)
    front_end, fork = LogMel(**features), multiprocessing.get_context("fork")
    bar, running = Progress(len(minutes), "minute"), set()
    known = hasattr(os, "sched_getaffinity")  # on Linux only
    cores = len(os.sched_getaffinity(0)) if known else os.cpu_count()

    def reap():
        ended = set(wait([process.sentinel for process in running]))
        for process in [p for p in running if p.sentinel in ended]:
            process.join()
            running.remove(process)
            if process.exitcode:
                raise ValueError(f"{directory}: a minute could not be made; see above.")
            bar.add()

    for kind, number in minutes:
        if len(running) == cores:
            reap()
        path = Path(directory, f"{kind}-{number:04}.npy")
        arguments = (path, kind, split, number, speakers, front_end)
        process = fork.Process(target=_write, args=arguments)
        process.start()
        running.add(process)
    while running:
        reap()
    bar.close()


def _write(path, kind, split, number, speakers, front_end):
    """Makes a minute of sound and writes its frames."""
    sound = make_minute(kind, split, number, speakers)
    rate_hz = speakers.synthesizer.sample_rate_hz
    sound = resample(sound, rate_hz, front_end.sample_rate_hz)
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.save(file, front_end(sound[np.newaxis])[0])


if __name__ == "__main__":
    with report_errors():
        make(**json.load(sys.stdin))
