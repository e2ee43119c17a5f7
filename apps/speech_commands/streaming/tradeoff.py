"""Measures keyword spotting: misses against false alarms an hour (DET curve)."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from apps.common.metrics.exact import binomial_interval, poisson_interval
from apps.common.metrics.plots import save_figure
from apps.speech_commands.streaming.alarms import Timing, detected, false_alarms
from apps.speech_commands.streaming.detection import (
    TOLERANCE_S,
    long_recording,
    score_detections,
)
from apps.speech_commands.streaming.session import Stream

# Even steps on the scale of logits, from 0.1 to 0.9999.
THRESHOLDS = np.round(1 / (1 + np.exp(-np.arange(-2.25, 9.3, 0.25))), 6).tolist()
ALARMS_PER_HOUR = (0.5, 5.0)  # at which misses are reported
ALL = "all"


@dataclass(frozen=True)
class Tradeoff:
    """Misses and false alarms, each `(timings, thresholds)`.

    Attributes:
        thresholds: Thresholds of the detector, sorted.
        timings: Each `Timing` of it.
        words: Number of words in the long recording.
        missed: Words that were not detected.
        wrong: Detections in the long recording that are no hit.
        latencies_ms: From a word's end to its detection, of each hit.
        hours: Hours of sound without the words, by kind.
        alarms: Detections in these hours, by kind.
    """

    thresholds: list
    timings: list
    words: int
    missed: np.ndarray
    wrong: np.ndarray
    latencies_ms: list
    hours: dict
    alarms: dict

    @property
    def total_hours(self):
        """Hours of sound of all kinds."""
        return round(sum(self.hours.values()), 6)

    def miss_rate(self, timing=0):
        """Returns the share of the words that each threshold misses."""
        return self.missed[timing] / self.words

    def alarms_per_hour(self, timing=0):
        """Returns each threshold's false alarms an hour of all kinds."""
        return sum(self.alarms.values())[timing] / self.total_hours

    def row(self, threshold, timing=0):
        """Returns the figures of a threshold, given by its place."""
        missed = int(self.missed[timing, threshold])
        counts = {kind: int(n[timing, threshold]) for kind, n in self.alarms.items()}
        hours, rates = dict(self.hours), {}
        if counts:
            counts[ALL], hours[ALL] = sum(counts.values()), self.total_hours
        for kind, count in counts.items():
            interval = [round(x, 4) for x in poisson_interval(count, hours[kind])]
            rates[kind] = {"per_hour": count / hours[kind], "interval": interval}
        interval = [round(x, 4) for x in binomial_interval(missed, self.words)]
        return {
            "threshold": self.thresholds[threshold],
            "miss_rate": missed / self.words,
            "miss_interval": interval,
            "wrong_words": int(self.wrong[timing, threshold]),
            "false_alarms": rates,
        }


def measure_tradeoff(predictor, clips, split, thresholds, timings):
    """Measures misses in a long recording, and false alarms in hours without words.

    Args:
        predictor: A `Predictor` whose model predicts at each frame.
        clips: `Clips` of the split, whose words are in the recording.
        split: "validation" or "test".
        thresholds: Thresholds of the detector, sorted.
        timings: Each `Timing` of it.

    Returns:
        A `Tradeoff`.
    """
    front_end, labels = predictor.front_end, predictor.labels
    rate_hz = front_end.sample_rate_hz
    recording = long_recording(clips, labels, rate_hz)
    stream = Stream(predictor.stream, front_end, labels, smoothing_ms=0)
    posteriors, _ = stream.feed(recording.waveform)
    words, shape = len(recording.events), (len(timings), len(thresholds))
    missed, wrong = np.zeros(shape, int), np.zeros(shape, int)
    latencies_ms = [[] for _ in timings]
    frame_s = front_end.hop / rate_hz
    found = detected(posteriors, labels, frame_s, thresholds, timings)
    for row, of_timing in enumerate(found):
        for column, detections in enumerate(of_timing):
            samples = [((f + 1) * front_end.hop, label) for f, label, _ in detections]
            hits, wrong[row, column] = score_detections(
                samples, recording.events, TOLERANCE_S * rate_hz
            )
            missed[row, column] = words - len(hits)
            latencies_ms[row].append(
                [1000 * (at - event.spoken_until) / rate_hz for at, event in hits]
            )
    counted = false_alarms(predictor, clips, split, thresholds, timings)
    return Tradeoff(
        *(thresholds, timings, words, missed, wrong, latencies_ms),
        hours={kind: hours for kind, (hours, _) in counted.items()},
        alarms={kind: counts for kind, (_, counts) in counted.items()},
    )


def det_curve(predictor, clips, split="test"):
    """Measures a run's misses and false alarms for each threshold.

    Args:
        predictor: A `Predictor` whose model predicts at each frame.
        clips: `Clips` of the split to measure.
        split: Name of the split.

    Returns:
        A dictionary: `words` in the long recording; `hours` of sound without them, by
        kind; `detection`, the run's settings of the detector; `at_detection`, the
        figures with these, and `latency_ms` from a word's end to its detection, median
        and 90th percentile; `misses_at`, the figures of the threshold with fewest
        misses for a number of false alarms an hour; and `curve`, the figures of each
        threshold. Rates have their 95% interval.
    """
    detection = predictor.detection
    thresholds = sorted({*THRESHOLDS, detection["threshold"]})
    timings = [Timing(detection["smoothing_ms"], detection["pause_ms"])]
    measured = measure_tradeoff(predictor, clips, split, thresholds, timings)
    place = thresholds.index(detection["threshold"])
    latencies_ms = measured.latencies_ms[0][place]
    hours = dict(measured.hours)
    if hours:
        hours[ALL] = measured.total_hours
    return {
        "words": measured.words,
        "hours": hours,
        "detection": detection,
        "at_detection": measured.row(place),
        "latency_ms": {
            name: float(np.percentile(latencies_ms, share)) if latencies_ms else None
            for name, share in (("median", 50), ("90%", 90))
        },
        "misses_at": {
            f"{wanted:g}": best_row(measured, wanted) for wanted in ALARMS_PER_HOUR
        },
        "curve": [measured.row(n) for n in range(len(thresholds))],
    }


def best_row(measured, alarms_per_hour):
    """Returns the figures with fewest misses and at most so many false alarms.

    It is None if no threshold has so few, or if there are no hours.
    """
    chosen = best_place(measured, alarms_per_hour)
    return chosen and measured.row(chosen[1], chosen[0])


def best_place(measured, alarms_per_hour):
    """Returns the places of timing and threshold with fewest misses; None as above.

    Of several it takes the first timing, and then the highest threshold.
    """
    if not measured.hours:
        return None
    places = [
        (int(measured.missed[timing, threshold]), timing, -threshold)
        for timing in range(len(measured.timings))
        for threshold, rate in enumerate(measured.alarms_per_hour(timing))
        if rate <= alarms_per_hour
    ]
    if not places:
        return None
    _, timing, threshold = min(places)
    return timing, -threshold


def plot_det(stream, path):
    """Plots the miss rate against false alarms an hour, of each kind and of all.

    Args:
        stream: What `det_curve` returns.
        path: PNG file.
    """
    curve, figure = stream["curve"], None
    figure, axes = plt.subplots(figsize=(6, 4.5), layout="constrained")
    misses = [row["miss_rate"] for row in curve]
    for kind in stream["hours"]:
        alarms = [row["false_alarms"][kind]["per_hour"] for row in curve]
        style = {"color": "black", "linewidth": 2.5} if kind == ALL else {}
        hours = f"{stream['hours'][kind]:.1f} h"
        name = f"{kind.replace('_', ' ')}, {hours}"
        axes.plot(alarms, misses, label=name, **style)
    if stream["hours"]:
        row = stream["at_detection"]
        place = (row["false_alarms"][ALL]["per_hour"], row["miss_rate"])
        axes.plot(*place, "o", color="black", label=f"threshold {row['threshold']:g}")
        axes.legend(fontsize=8)
    axes.set(
        xscale="symlog",
        xlabel="false alarms an hour of sound without the words",
        ylabel="miss rate",
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.3)
    save_figure(figure, path)
