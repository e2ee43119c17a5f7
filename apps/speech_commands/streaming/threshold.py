"""Chooses a run's detector for a number of false alarms an hour."""

import itertools
import json

from apps.common.metrics.exact import poisson_interval
from apps.common.portable.detector import DETECTION
from apps.common.portable.files import write_json
from apps.common.portable.run_files import DETECTION_FILE
from apps.speech_commands.streaming.alarms import Timing
from apps.speech_commands.streaming.tradeoff import (
    ALL,
    THRESHOLDS,
    best_place,
    measure_tradeoff,
)

SMOOTHINGS_MS = (DETECTION["smoothing_ms"], 400, 600)  # longer detects too late
PAUSES_MS = (DETECTION["pause_ms"], 600, 1000)
TIMINGS = [Timing(*each) for each in itertools.product(SMOOTHINGS_MS, PAUSES_MS)]


def choose_detection(predictor, clips):
    """Chooses threshold, smoothing and pause on the validation split, for the run.

    It takes those with fewest misses among those that have at most
    `evaluation.alarms_per_hour`; if none has, the highest threshold, the longest
    smoothing and the longest pause. It writes them to the run, and a line says which
    they are and what they cost. Without hours of sound it writes nothing, so the
    defaults hold.

    Args:
        predictor: The run's `Predictor`, whose model predicts at each frame.
        clips: `Clips` of the validation split.
    """
    wanted = predictor.config.evaluation.alarms_per_hour
    measured = measure_tradeoff(predictor, clips, "validation", THRESHOLDS, TIMINGS)
    if not measured.hours:
        print(f"The threshold stays {DETECTION['threshold']}: none could be chosen.")
        return
    place = best_place(measured, wanted)
    number, threshold = place or (len(TIMINGS) - 1, len(THRESHOLDS) - 1)
    timing, row = TIMINGS[number], measured.row(threshold, number)
    detection = {"threshold": row["threshold"], **timing._asdict()}
    write_json(
        predictor.directory / DETECTION_FILE,
        {
            **detection,
            "alarms_per_hour": wanted,
            "validation": {
                "hours": measured.total_hours,
                "words": measured.words,
                **{key: row[key] for key in ("miss_rate", "miss_interval")},
                "false_alarms": row["false_alarms"][ALL],
            },
        },
    )
    print(_line(row, timing, measured, wanted, place is not None))


def _line(row, timing, measured, wanted, found):
    """Returns the line that says what was chosen, and what it costs."""
    hours, (_, most) = measured.total_hours, row["false_alarms"][ALL]["interval"]
    alarms = row["false_alarms"][ALL]["per_hour"]
    line = (
        f"Threshold {row['threshold']:g}, smoothing {timing.smoothing_ms} ms, pause "
        f"{timing.pause_ms} ms: {alarms:.2g} false alarms an hour in {hours:.1f} h of "
        f"validation sound (95%: at most {most:.2g}), {row['miss_rate']:.0%} of "
        f"{measured.words} words missed."
    )
    if not found:
        line += f" No threshold has as few as {wanted:g} an hour."
    elif poisson_interval(0, hours)[1] > wanted:
        line += (
            f" {hours:.1f} h are too few to tell {wanted:g} an hour; "
            "evaluation.hours=20 takes longer."
        )
    return line


def read_detection(directory):
    """Returns a run's settings of the detector by name; `DETECTION` if it chose none.

    Raises:
        ValueError: If the file cannot be read or lacks a setting.
    """
    path = directory / DETECTION_FILE
    if not path.exists():
        return dict(DETECTION)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        detection = {name: float(content[name]) for name in DETECTION}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be read ({error!r}). Delete it to take the defaults."
        ) from None
    if not (0 < detection["threshold"] <= 1 and min(detection.values()) >= 0):
        raise ValueError(
            f"{path}: expected a threshold above 0, at most 1, and no negative time. "
            f"Received: {detection}. Delete it to take the defaults."
        )
    return detection
