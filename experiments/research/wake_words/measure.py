"""Trains a wake word, and counts misses at few false alarms an hour."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from apps.common.portable.audio import as_int16
from apps.common.portable.log_mel import fit_clip
from apps.speech_commands.coloured_noise import noise_bank
from apps.speech_commands.data import NOISE_SECONDS, NOISES, Clips
from apps.speech_commands.predict import Predictor
from apps.speech_commands.streaming.alarms import Timing, count_alarms, detected
from apps.speech_commands.streaming.detection import (
    MOST_CLIPS,
    TOLERANCE_S,
    long_recording,
    score_detections,
)
from apps.speech_commands.streaming.hours import background, frames_of
from apps.speech_commands.streaming.session import Stream
from apps.speech_commands.streaming.tradeoff import THRESHOLDS

ALARMS_PER_HOUR = (0.5, 5.0)


def train(case, count, directory):
    """Trains on so many recordings of a case; returns the run directory.

    Raises:
        ValueError: If the training fails.
    """
    run = Path(directory, f"{case.name.replace(' ', '_')}-{count}")
    folder = Path(directory, f"{run.name}-recordings")
    folder.mkdir(parents=True, exist_ok=True)
    for number, read in enumerate(case.learnt[:count]):
        path = folder / f"{number:03}.wav"
        if not path.exists():
            soundfile.write(path, read(), case.sample_rate_hz)
    words = ["-m", "experiments.speech_commands", "wake", "train"]
    words += [f"data.word={case.word}", f"data.directory={folder if count else ''}"]
    words += [f"data.sample_rate_hz={case.sample_rate_hz}", f"run_directory={run}"]
    if subprocess.run([sys.executable, *words]).returncode:
        raise ValueError(f"{run}: the training failed. See its output above.")
    return run


def measure(case, run, hours, spoken):
    """Measures a run.

    Args:
        case: The `Case`.
        run: Its run directory.
        hours: Hours of sound without the words.
        spoken: All words that the sound does without.

    Returns:
        For each number of false alarms an hour a dictionary: threshold; false alarms;
        for each group of recordings `[missed, tested]`; and detections in other words,
        `[detections, words]`. None where no threshold has so few alarms.
    """
    predictor = Predictor.load(run)
    timings = [timing_of(predictor)]
    files = background("test", hours, spoken, predictor.config)
    counted = [
        count_alarms(predictor, frames_of(paths), THRESHOLDS, timings)
        for paths in files.values()
    ]
    exposure = sum(each for each, _ in counted)
    alarms = sum(each for _, each in counted)[0]
    heard = {
        group: heard_at(predictor, reads, case.word)
        for group, reads in {**case.tested, "others": case.others}.items()
    }
    missed = sum(len(heard[group]) - heard[group].sum(axis=0) for group in case.tested)
    result = {}
    for wanted in ALARMS_PER_HOUR:
        places = np.flatnonzero(alarms <= wanted * exposure)
        if not len(places):
            result[f"{wanted:g}"] = None
            continue
        place = min(places, key=lambda n: (missed[n], -n))
        result[f"{wanted:g}"] = {
            "threshold": THRESHOLDS[place],
            "alarms": int(alarms[place]),
            "hours": round(exposure, 2),
            "missed": {
                group: [int(np.sum(~heard[group][:, place])), len(heard[group])]
                for group in case.tested
            },
            "other_words": [int(heard["others"][:, place].sum()), len(case.others)],
        }
    return result


def timing_of(predictor):
    """Returns the `Timing` that the run chose."""
    detection = predictor.detection
    return Timing(detection["smoothing_ms"], detection["pause_ms"])


def heard_at(predictor, reads, word):
    """Returns which recordings are detected at each threshold.

    They stand in long recordings, 20 dB above its noise, with pauses.

    Args:
        predictor: The run's `Predictor`.
        reads: Functions that read a recording.
        word: The word that is to be detected.

    Returns:
        bool `(recordings, thresholds)`.
    """
    labels, front_end = predictor.labels, predictor.front_end
    rate_hz = front_end.sample_rate_hz
    noise = noise_bank(2, NOISES, NOISE_SECONDS * rate_hz)
    heard = np.zeros((len(reads), len(THRESHOLDS)), bool)
    for start in range(0, len(reads), MOST_CLIPS):
        part = reads[start : start + MOST_CLIPS]
        waves = np.stack(
            [
                as_int16(fit_clip(read()[np.newaxis], predictor.samples)[0])
                for read in part
            ]
        )
        ids = np.full(len(part), labels.index(word), "int32")
        ratios = np.full(len(part), np.inf)
        clips = Clips(waves, ids, [""] * len(part), ratios, noise)
        recording = long_recording(clips, labels, rate_hz)
        stream = Stream(predictor.stream, front_end, labels, smoothing_ms=0)
        posteriors, _ = stream.feed(recording.waveform)
        frame_s = front_end.hop / rate_hz
        timings = [timing_of(predictor)]
        (found,) = detected(posteriors, labels, frame_s, THRESHOLDS, timings)
        for place, detections in enumerate(found):
            samples = [((f + 1) * front_end.hop, label) for f, label, _ in detections]
            hits, _ = score_detections(samples, recording.events, TOLERANCE_S * rate_hz)
            heard[[start + event.clip for _, event in hits], place] = True
    return heard
