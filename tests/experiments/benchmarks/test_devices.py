"""The measurement of LiteRT files on a device."""

import numpy as np
import pytest

from apps.common.portable.litert import read_description
from experiments.benchmarks import devices, timing
from experiments.tables import BEGIN, END


class Heard:
    """A stream that gives the posteriors it was made with."""

    def __init__(self, posteriors, words=()):
        self.answer = np.array(posteriors, "float32"), list(words)

    def feed(self, waveform):
        return self.answer


def test_drift_is_measured_frame_by_frame():
    steady = np.tile([0.9, 0.1], (100, 1))
    drifting = steady + np.linspace(0, 0.8, 100)[:, None] * [-1, 1]
    new = {
        devices.TENSORFLOW: lambda: Heard(steady, ["yes"]),
        "stream": lambda: Heard(steady, ["yes"]),
        "stream_int8": lambda: Heard(drifting),
    }
    rows = devices.drift(new, None, lambda words: 1 - len(words) / 4)
    assert rows[devices.TENSORFLOW] == {
        "words": 1,
        "frames": 100,
        "miss_rate": 0.75,
    }
    assert rows["stream"]["largest_difference"] == 0
    assert rows["stream"]["words"] == 1
    other = rows["stream_int8"]
    assert other["labels_that_differ"] == 0.5
    assert (rows["stream"]["miss_rate"], other["miss_rate"]) == (0.75, 1.0)
    assert other["largest_difference"] == pytest.approx(0.8)
    tenths = other["mean_difference_by_tenth"]
    assert tenths == sorted(tenths)
    assert tenths[-1] > 0.7


def test_misses_are_counted_where_the_recording_is_not_yet_repeated(speech_run):
    from apps.speech_commands.predict import Predictor

    predictor = Predictor.load(speech_run)
    waveform, missed = devices.recording(predictor, minutes=0.5)
    assert len(waveform) == 30 * predictor.front_end.sample_rate_hz
    assert missed([]) == 1.0
    _, missed = devices.recording(predictor, minutes=0.01)
    assert missed([]) is None  # no word ends in so short a time


def test_each_file_and_tensorflow_have_a_row(
    speech_run, speech_device_files, monkeypatch, tmp_path
):
    def quick(functions, rounds, seconds):
        for function in functions.values():
            function()
        return {name: np.array([0.5]) for name in functions}, {}

    monkeypatch.setattr(timing, "interleaved", quick)
    monkeypatch.setattr(devices, "litert_directory", lambda run: speech_device_files)
    rows = devices.measure(speech_run, minutes=0.1)
    assert list(rows) == [devices.TENSORFLOW, *devices.FILES]
    assert rows["stream"]["largest_difference"] < 1e-4
    accuracy = read_description(speech_device_files)["graphs"]["stream_int8"][
        "accuracy"
    ]
    assert rows["stream_int8"]["accuracy"] == accuracy
    page = tmp_path / "devices.md"
    page.write_text(f"{BEGIN.format(devices.NAME)}\n{END.format(devices.NAME)}\n")
    monkeypatch.setattr(devices, "PAGE", page)
    monkeypatch.setattr(devices, "RESULT", tmp_path / "devices.json")
    devices.record_rows(rows, 0.1)
    lines = page.read_text().splitlines()[1:-1]
    assert len(lines) == 2 + len(rows)
    assert all(line.count("|") == 1 + len(devices.COLUMNS) for line in lines)
