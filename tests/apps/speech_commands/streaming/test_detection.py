"""Hits, misses and false alarms in long streams, counted by hand."""

import numpy as np
import pytest

from apps.speech_commands.data import Clips
from apps.speech_commands.predict import Predictor
from apps.speech_commands.streaming.detection import (
    THRESHOLDS,
    det_curve,
    long_recording,
    score_detections,
)

LABELS = ["_silence_", "_unknown_", "yes"]
EVENTS = [(100, 200, 1), (400, 500, 2), (600, 700, 1)]


@pytest.mark.parametrize(
    ("detections", "hits", "alarms"),
    [
        ([], 0, 0),
        ([(150, 1), (450, 2), (650, 1)], 3, 0),
        ([(250, 1)], 1, 0),  # a little late
        ([(251, 1)], 0, 1),  # too late
        ([(99, 1)], 0, 1),  # too early
        ([(150, 2)], 0, 1),  # the other word
        ([(150, 1), (160, 1)], 1, 1),  # twice
        ([(620, 1), (640, 1)], 1, 1),
    ],
)
def test_a_word_is_a_hit_once_and_the_rest_are_false_alarms(detections, hits, alarms):
    assert score_detections(detections, EVENTS, tolerance=50) == (hits, alarms)


@pytest.fixture
def clips():
    """Thirty clips of a tone; a third each is silence, unknown, yes."""
    tone = 8000 * np.sin(np.arange(400) / 3)
    return Clips(
        np.tile(tone, (30, 1)).astype("int16"),
        np.arange(30, dtype="int32") % 3,
        ["a"] * 30,
        np.full(30, 10.0),
        np.random.default_rng(0).normal(0, 0.05, (2, 8000)).astype("float32"),
    )


def test_a_long_recording_has_the_words_where_it_says(clips):
    recording = long_recording(clips, LABELS, 1000)
    assert len(recording.events) == 10
    assert {label for *_, label in recording.events} == {2}
    ends = [end for _, end, _ in recording.events]
    for (start, end, _), before in zip(recording.events[1:], ends, strict=False):
        assert start - before >= 500
        inside = np.mean(np.square(recording.waveform[start:end]))
        pause = np.mean(np.square(recording.waveform[start - 400 : start]))
        ratio_db = 10 * np.log10(inside / pause - 1)
        assert ratio_db == pytest.approx(10, abs=1.5)


def test_a_higher_threshold_gives_fewer_alarms(finished_speech_run):
    import json

    metrics = json.loads((finished_speech_run / "metrics.json").read_text())
    curve = metrics["stream"]["curve"]
    assert [row["threshold"] for row in curve] == THRESHOLDS.tolist()
    alarms = [row["false_alarms_per_hour"] for row in curve]
    misses = [row["miss_rate"] for row in curve]
    assert alarms[-1] <= alarms[0]
    assert misses[-1] >= misses[0]
    assert misses[0] < 1
    assert all(0 <= rate <= 1 for rate in misses)


def test_the_curve_counts_every_word(finished_speech_run, clips):
    curve = det_curve(Predictor.load(finished_speech_run), clips)
    assert curve["words"] == 30
    assert curve["hours"] * 3600 == pytest.approx(30 * (0.05 + 1.5), rel=0.3)
