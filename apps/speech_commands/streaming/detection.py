"""Makes a long recording with words, and finds which of them are detected."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from apps.common.portable.audio import as_float

MOST_CLIPS = 600
GAP_S = (0.5, 2.5)
NOISE_LEVEL = 0.2  # factor on the noises
CLEAN_SNR_DB = 20.0  # for clips that evaluation adds no noise to
TOLERANCE_S = 1.0  # after a clip's end, in which a detection is a hit
# A word ends with the last 10 ms whose power is at most 30 dB below the loudest 10 ms.
END_S, END_DB = 0.01, 30.0


class Event(NamedTuple):
    """A word in a recording.

    Attributes:
        first: First sample of its clip.
        last: Sample after its clip.
        label: Label id.
        spoken_until: Sample after the word.
        clip: Number of its clip.
    """

    first: int
    last: int
    label: int
    spoken_until: int
    clip: int


@dataclass(frozen=True)
class Recording:
    """A long waveform made of clips.

    Attributes:
        waveform: float32 `(samples,)`.
        events: The `Event` of each word.
    """

    waveform: np.ndarray
    events: list


def long_recording(clips, labels, sample_rate_hz):
    """Concatenates clips in random order, with pauses, in continuous noise.

    Clips whose label begins with "_" are distractors: they are no events.

    Args:
        clips: `Clips`.
        labels: Names of the labels.
        sample_rate_hz: Sample rate in Hz.
    """
    rng = np.random.default_rng(0)
    spoken = [n for n, label in enumerate(clips.labels) if labels[label] != "_silence_"]
    order = rng.permutation(spoken)[:MOST_CLIPS]
    length = clips.waves.shape[1]
    gaps = (rng.uniform(*GAP_S, len(order) + 1) * sample_rate_hz).astype(int)
    starts = np.cumsum(gaps[:-1]) + length * np.arange(len(order))
    total = int(starts[-1] + length + gaps[-1])
    rows = -(-total // clips.noise.shape[1])
    noise = clips.noise[rng.integers(len(clips.noise), size=rows)].ravel()[:total]
    waveform = (NOISE_LEVEL * noise).astype("float32")
    noise_power = max(float(np.mean(np.square(waveform))), 1e-9)
    events = []
    for index, start in zip(order, starts.tolist(), strict=True):
        speech = as_float(clips.waves[index])
        here = waveform[start : start + length]
        snr_db = clips.snr_db[index]
        snr_db = snr_db if np.isfinite(snr_db) else CLEAN_SNR_DB
        power = max(float(np.mean(np.square(speech))), 1e-12)
        wanted = noise_power * 10 ** (snr_db / 10)
        here += np.float32(np.sqrt(wanted / power)) * speech
        label = int(clips.labels[index])
        if labels[label][0] != "_":
            end = start + end_of_speech(speech, sample_rate_hz)
            events.append(Event(start, start + length, label, end, int(index)))
    return Recording(waveform / max(1.0, np.abs(waveform).max()), events)


def end_of_speech(speech, sample_rate_hz):
    """Returns the sample after the last part of a clip that is not silent."""
    size = max(1, round(END_S * sample_rate_hz))
    power = np.add.reduceat(np.square(speech), range(0, len(speech), size))
    loud = np.flatnonzero(power >= power.max() * 10 ** (-END_DB / 10))
    return min(len(speech), (int(loud[-1]) + 1) * size)


def score_detections(detections, events, tolerance):
    """Finds the hits: the first detection of each word.

    It is at or after the clip's first sample and at most `tolerance` samples after its
    last. Any other detection is a false alarm.

    Args:
        detections: `(sample, label)`, sorted.
        events: `Event` of each word, sorted.
        tolerance: Number of samples after an event in which a detection is a hit.

    Returns:
        `(sample, event)` of each hit, and the number of false alarms.
    """
    waiting, hits = list(events), []
    for sample, label in detections:
        while waiting and waiting[0].last + tolerance < sample:
            waiting.pop(0)
        for event in waiting:
            if event.first > sample:
                break
            if event.label == label and sample <= event.last + tolerance:
                waiting.remove(event)
                hits.append((sample, event))
                break
    return hits, len(detections) - len(hits)
