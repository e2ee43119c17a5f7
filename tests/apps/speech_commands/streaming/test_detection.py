"""Hits, misses and false alarms in long streams, counted by hand."""

import numpy as np
import pytest

from apps.speech_commands.data import Clips
from apps.speech_commands.streaming.detection import (
    Event,
    end_of_speech,
    long_recording,
    score_detections,
)

LABELS = ["_silence_", "_unknown_", "yes"]
EVENTS = [Event(*e, 0, 0) for e in ((100, 200, 1), (400, 500, 2), (600, 700, 1))]


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
    found, rest = score_detections(detections, EVENTS, tolerance=50)
    assert (len(found), rest) == (hits, alarms)


def test_a_hit_is_that_of_its_own_word():
    found, _ = score_detections([(150, 1), (650, 1)], EVENTS, tolerance=50)
    assert found == [(150, EVENTS[0]), (650, EVENTS[2])]


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
    assert {event.label for event in recording.events} == {2}
    ends = [event.last for event in recording.events]
    for (start, end, *_), before in zip(recording.events[1:], ends, strict=False):
        assert start - before >= 500
        inside = np.mean(np.square(recording.waveform[start:end]))
        pause = np.mean(np.square(recording.waveform[start - 400 : start]))
        ratio_db = 10 * np.log10(inside / pause - 1)
        assert ratio_db == pytest.approx(10, abs=1.5)


def test_a_word_ends_where_its_clip_falls_silent(clips):
    clips.waves[:, 215:] = 0
    recording = long_recording(clips, LABELS, 1000)
    assert {event.spoken_until - event.first for event in recording.events} == {220}


@pytest.mark.parametrize(("level", "end"), [(0.05, 100), (0.02, 50)])
def test_what_is_30_db_below_the_loudest_part_is_silence(level, end):
    speech = np.concatenate([np.ones(50), np.full(50, level), np.zeros(30)])
    assert end_of_speech(speech.astype("float32"), 1000) == end
    assert end_of_speech(np.ones(7, "float32"), 1000) == 7
