"""Counts false alarms in hours of sound in which no command word is said."""

import sys
from typing import NamedTuple

import numpy as np

from apps.common.portable.audio import as_float
from apps.common.portable.detector import Detector, Listener
from apps.speech_commands.streaming.hours import background, frames_of, minutes
from apps.speech_commands.synthesis.background import MINUTE_S

UNKNOWN = "_unknown_"
GENERATED = ("synthetic", "wake_word")  # their unknown words are generated
PAUSE_S = (0.3, 1.5)  # between two clips of unknown words


class Timing(NamedTuple):
    """Times of a detector.

    Attributes:
        smoothing_ms: Milliseconds over which posteriors are averaged.
        pause_ms: Milliseconds after a detection without another one.
    """

    smoothing_ms: float
    pause_ms: float


def false_alarms(predictor, clips, split, thresholds, timings):
    """Counts the detections in sound in which no label is said, by kind.

    Args:
        predictor: A `Predictor` whose model predicts at each frame.
        clips: `Clips` of the split; a data set's own unknown words are a kind.
        split: "validation" or "test".
        thresholds: Thresholds of the detector.
        timings: Each `Timing` of it.

    Returns:
        For each kind its hours and the counts `(timings, thresholds)`. It is empty if
        `evaluation.hours` is 0, or, which a line says, if the sound cannot be made.
    """
    config, labels = predictor.config, predictor.labels
    hours = config.evaluation.hours
    if not hours:
        return {}
    try:
        files = background(split, hours, labels, config)
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        print(
            f"No false alarms are counted in {split} sound without the words: {reason}",
            file=sys.stderr,
        )
        return {}
    batches = {kind: frames_of(paths) for kind, paths in files.items()}
    if config.data.dataset not in GENERATED and UNKNOWN in labels:
        own = unknown_clips(clips, labels, predictor.front_end, hours)
        batches["unknown_clips"] = own
    return {
        kind: count_alarms(predictor, frames, thresholds, timings)
        for kind, frames in batches.items()
    }


def unknown_clips(clips, labels, front_end, hours):
    """Yields log-mel frames of a data set's own unknown words, with pauses.

    Args:
        clips: `Clips`.
        labels: Names of the labels.
        front_end: A `LogMel`.
        hours: Hours of sound in all; a tenth is the most that these words get.

    Yields:
        `(1, frames, bands)`, at most a minute.
    """
    rng = np.random.default_rng(0)
    rate_hz = front_end.sample_rate_hz
    order = rng.permutation(np.flatnonzero(clips.labels == labels.index(UNKNOWN)))
    left, parts, minute = minutes(hours, "other_words"), [], MINUTE_S * rate_hz
    for n, index in enumerate(order, 1):
        pause = np.zeros(int(rng.uniform(*PAUSE_S) * rate_hz), "float32")
        parts += [as_float(clips.waves[index]), pause]
        if sum(map(len, parts)) >= minute or n == len(order):
            yield np.asarray(front_end(np.concatenate(parts)[np.newaxis, :minute]))
            parts, left = [], left - 1
            if not left:
                return


def count_alarms(predictor, batches, thresholds, timings):
    """Returns the hours of batches of frames, and the counts of detections.

    Args:
        predictor: A `Predictor` whose model predicts at each frame.
        batches: Yields log-mel frames of recordings, `(recordings, frames, bands)`.
        thresholds: Thresholds of the detector.
        timings: Each `Timing` of it.

    Returns:
        The hours, and int `(timings, thresholds)`.
    """
    labels = predictor.labels
    frame_s = predictor.front_end.hop / predictor.front_end.sample_rate_hz
    counts, frames = np.zeros((len(timings), len(thresholds)), int), 0
    for batch in batches:
        for posteriors in predictor.minutes(batch).numpy():
            frames += len(posteriors)
            found = detected(posteriors, labels, frame_s, thresholds, timings)
            counts += np.array([[len(each) for each in row] for row in found])
    return round(frames * frame_s / 3600, 6), counts


def detected(posteriors, labels, frame_s, thresholds, timings):
    """Yields for each timing a list: for each threshold the detections."""
    for timing in timings:
        listener = Listener(labels, frame_s, 1.0, *timing)
        smoothed, _ = listener.feed(posteriors)
        yield [Detector(labels, t, listener.pause).feed(smoothed) for t in thresholds]
