"""Measures keyword spotting: miss rate against false alarms per hour (DET curve)."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from apps.common.metrics.plots import save_figure
from apps.common.portable.audio import as_float
from apps.common.portable.detector import Detector
from apps.speech_commands.streaming.session import Stream

MOST_CLIPS = 600
GAP_S = (0.5, 2.5)
NOISE_LEVEL = 0.2  # factor on the noises
CLEAN_SNR_DB = 20.0  # for clips that evaluation adds no noise to
TOLERANCE_S = 1.0  # after a clip's end, in which a detection is a hit
THRESHOLDS = np.round(
    np.concatenate([np.arange(0.1, 0.95, 0.05), [0.95, 0.98, 0.99]]), 2
)


@dataclass(frozen=True)
class Recording:
    """A long waveform made of clips.

    Attributes:
        waveform: float32 `(samples,)`.
        events: `(first sample, last sample, label id)` of each word.
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
    for index, start in zip(order, starts, strict=True):
        speech = as_float(clips.waves[index])
        here = waveform[start : start + length]
        snr_db = clips.snr_db[index]
        snr_db = snr_db if np.isfinite(snr_db) else CLEAN_SNR_DB
        power = max(float(np.mean(np.square(speech))), 1e-12)
        wanted = noise_power * 10 ** (snr_db / 10)
        here += np.float32(np.sqrt(wanted / power)) * speech
        label = int(clips.labels[index])
        if labels[label][0] != "_":
            events.append((int(start), int(start + length), label))
    return Recording(waveform / max(1.0, np.abs(waveform).max()), events)


def det_curve(predictor, clips):
    """Measures miss rate and false alarms in a long recording for each threshold.

    The first detection of a word from its clip's first sample to 1 s after the last is
    a hit; any other detection is a false alarm.

    Args:
        predictor: A `Predictor` whose model predicts at each frame.
        clips: `Clips` of the split to measure.

    Returns:
        A dictionary: `hours` of audio; `words`, their number; and `curve`, for each
        threshold a dictionary with `threshold`, `miss_rate` and
        `false_alarms_per_hour`.
    """
    front_end, labels = predictor.front_end, predictor.labels
    rate = front_end.sample_rate_hz
    recording = long_recording(clips, labels, rate)
    stream = Stream(predictor.stream, front_end, labels)
    posteriors, _ = stream.feed(recording.waveform)
    hours = len(recording.waveform) / rate / 3600
    curve = []
    for threshold in THRESHOLDS:
        detector = Detector(labels, threshold, stream.listener.pause)
        detections = [
            (int((frame + 1) * front_end.hop), label)
            for frame, label, _ in detector.feed(posteriors)
        ]
        hits, alarms = score_detections(
            detections, recording.events, TOLERANCE_S * rate
        )
        curve.append(
            {
                "threshold": float(threshold),
                "miss_rate": 1 - hits / len(recording.events),
                "false_alarms_per_hour": alarms / hours,
            }
        )
    return {"hours": hours, "words": len(recording.events), "curve": curve}


def score_detections(detections, events, tolerance):
    """Counts hits and false alarms.

    Args:
        detections: `(sample, label)`, sorted.
        events: `(first sample, last sample, label)`, sorted.
        tolerance: Number of samples after an event in which a detection is a hit.
    """
    waiting, hits = list(events), 0
    for sample, label in detections:
        for event in waiting:
            if event[0] > sample:
                break
            if event[2] == label and sample <= event[1] + tolerance:
                waiting.remove(event)
                hits += 1
                break
    return hits, len(detections) - hits


def plot_det(curve, path):
    """Plots the miss rate against false alarms per hour."""
    figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
    alarms = [row["false_alarms_per_hour"] for row in curve]
    axes.plot(alarms, [row["miss_rate"] for row in curve], "o-")
    for row in curve[::4]:
        place = (row["false_alarms_per_hour"], row["miss_rate"])
        axes.annotate(f"{row['threshold']:g}", place, fontsize=8)
    axes.set(
        xscale="symlog",
        xlabel="false alarms per hour",
        ylabel="miss rate",
        title="points: threshold",
    )
    axes.grid(alpha=0.3)
    save_figure(figure, path)
