"""Counts which of a run's clips are heard in a stream."""

import numpy as np

from apps.common.metrics.exact import binomial_interval
from apps.speech_commands.streaming.detection import (
    TOLERANCE_S,
    long_recording,
    score_detections,
)
from apps.speech_commands.streaming.session import Stream


def heard_by_origin(predictor, clips):
    """Measures the words of one's own recordings and of generated voices apart.

    Args:
        predictor: A `Predictor` of a wake word's run.
        clips: `Clips` of a split; generated ones have noise, recordings have none.

    Returns:
        For "recordings" and "voices" a dictionary: `words`, their number; `heard`, how
        many are detected with the run's settings of the detector; and `interval`, the
        95% interval of the share, None without words.
    """
    hits, words = heard(predictor, clips)
    own = np.isinf(clips.snr_db)
    rows = {}
    for origin, chosen in (("recordings", own), ("voices", ~own)):
        count = int(np.sum(words & chosen))
        found = int(np.sum(hits & chosen))
        interval = (
            [round(x, 4) for x in binomial_interval(found, count)] if count else None
        )
        rows[origin] = {"words": count, "heard": found, "interval": interval}
    return rows


def heard(predictor, clips):
    """Returns which clips are detected in a long recording, and which are words there.

    Args:
        predictor: A `Predictor` whose model predicts at each frame.
        clips: `Clips`; at most `MOST_CLIPS` of them are in the recording.

    Returns:
        Two arrays, bool `(clips,)`.
    """
    front_end, labels = predictor.front_end, predictor.labels
    recording = long_recording(clips, labels, front_end.sample_rate_hz)
    stream = Stream(predictor.stream, front_end, labels, **predictor.detection)
    _, detections = stream.feed(recording.waveform)
    rate_hz = front_end.sample_rate_hz
    samples = [
        (round(one.time_s * rate_hz), labels.index(one.word)) for one in detections
    ]
    found, _ = score_detections(samples, recording.events, TOLERANCE_S * rate_hz)
    hits, words = np.zeros((2, len(clips.labels)), bool)
    hits[[event.clip for _, event in found]] = True
    words[[event.clip for event in recording.events]] = True
    return hits, words


def print_heard(rows):
    """Prints what `heard_by_origin` returns, a line for each origin."""
    names = {"recordings": "your recordings left out", "voices": "generated voices"}
    for origin, name in names.items():
        row = rows[origin]
        if not row["words"]:
            print(f"Of {name} none was tested: data.directory needs five recordings.")
            continue
        low, high = row["interval"]
        print(
            f"Of {name} {row['heard']} of {row['words']} are heard in noise (95%: "
            f"{low:.0%} to {high:.0%})."
        )
