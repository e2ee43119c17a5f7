"""False alarms in minutes of sound, and what is chosen by their number."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from apps.common.portable.detector import DETECTION, Detector
from apps.speech_commands.data import Clips, load_data
from apps.speech_commands.features import LogMel
from apps.speech_commands.predict import Predictor
from apps.speech_commands.streaming import alarms, threshold
from apps.speech_commands.streaming.alarms import (
    Timing,
    false_alarms,
    unknown_clips,
)
from apps.speech_commands.streaming.hours import background, frames_of
from apps.speech_commands.streaming.session import Stream
from apps.speech_commands.streaming.threshold import choose_detection, read_detection
from apps.speech_commands.streaming.tradeoff import (
    THRESHOLDS,
    Tradeoff,
    best_place,
    measure_tradeoff,
)

KINDS = ["speech", "other_words", "babble", "music", "household", "silence"]


@pytest.fixture(scope="module")
def predictor(finished_speech_run):
    return Predictor.load(finished_speech_run)


@pytest.fixture
def metrics(finished_speech_run):
    return json.loads((finished_speech_run / "metrics.json").read_text())["stream"]


@pytest.fixture
def tradeoff():
    """A tradeoff of two timings and three thresholds, over 2 h and 4 h."""
    return Tradeoff(
        thresholds=[0.5, 0.8, 0.9],
        timings=[Timing(200, 300), Timing(200, 600)],
        words=20,
        missed=np.array([[2, 5, 9], [3, 5, 5]]),
        wrong=np.array([[4, 3, 2], [3, 2, 1]]),
        latencies_ms=[],
        hours={"speech": 2.0, "music": 4.0},
        alarms={
            "speech": np.array([[30, 6, 0], [20, 5, 3]]),
            "music": np.array([[0, 6, 3], [10, 4, 3]]),
        },
    )


def test_a_minute_of_frames_gives_what_a_stream_of_its_sound_gives(predictor):
    rng = np.random.default_rng(3)
    sound = np.repeat(rng.uniform(0, 0.3, 60), 800) * rng.normal(size=48000)
    parts = predictor.stream, predictor.front_end, predictor.labels
    expected, _ = Stream(*parts, smoothing_ms=0).feed(sound.astype("float32"))
    frames = predictor.front_end(sound[np.newaxis].astype("float32"))
    rows = np.concatenate([frames, np.zeros_like(frames), frames])
    posteriors = predictor.minutes(rows).numpy()
    np.testing.assert_allclose(posteriors[0], expected, atol=1e-6)
    np.testing.assert_allclose(posteriors[2], expected, atol=1e-6)


def test_without_pooling_a_minute_of_frames_gives_what_its_stream_gives(predictor):
    config = predictor.config
    config = replace(config, model=replace(config.model, pooling="last"))
    other = Predictor(predictor.directory, config)
    other.model = predictor.model
    sound = np.random.default_rng(0).normal(0, 0.1, (1, 8000)).astype("float32")
    parts = other.stream, other.front_end, other.labels
    expected, _ = Stream(*parts, smoothing_ms=0).feed(sound[0])
    posteriors = other.minutes(other.front_end(sound)).numpy()
    np.testing.assert_allclose(posteriors[0], expected, atol=1e-6)


def test_each_alarm_of_each_minute_counts(predictor):
    """The counts are those of a detector that hears minute after minute anew."""
    config, labels = predictor.config, predictor.labels
    timings = [Timing(200, 50), Timing(200, 200), Timing(30, 50)]
    counted = false_alarms(predictor, None, "test", [0.35, 0.4], timings)
    assert list(counted) == KINDS
    files = background("test", 0.01, labels, config)
    for kind, (hours, counts) in counted.items():
        assert hours == pytest.approx(5 / 3600, abs=1e-6)
        (frames,) = next(frames_of(files[kind]))
        posteriors = predictor.minutes(frames[np.newaxis]).numpy()[0]
        expected = []
        for window, pause in ((20, 5), (20, 20), (3, 5)):
            padded = np.concatenate([np.zeros((window - 1, 3), "float32"), posteriors])
            view = np.lib.stride_tricks.sliding_window_view(padded, window, 0)
            smoothed = view.mean(-1)
            expected.append(
                [len(Detector(labels, t, pause).feed(smoothed)) for t in (0.35, 0.4)]
            )
        np.testing.assert_array_equal(counts, expected)
    assert sum(counts.sum() for _, counts in counted.values()) > 10


def test_rates_are_those_of_each_kind_and_of_all(tradeoff):
    row = tradeoff.row(1, timing=0)
    rates = row["false_alarms"]
    expected = {"speech": 3.0, "music": 1.5, "all": 2.0}
    assert {kind: rate["per_hour"] for kind, rate in rates.items()} == expected
    assert rates["all"]["interval"] == [1.0334, 3.4936]  # of 12 in 6 h
    assert (row["threshold"], row["wrong_words"]) == (0.8, 3)
    assert row["miss_rate"] == 0.25
    assert row["miss_interval"] == [0.0866, 0.491]  # of 5 in 20


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        (5.0, (0, 0)),  # fewest misses
        (4.9, (0, 1)),  # of equal misses the first timing
        (1.5, (1, 2)),  # of one timing the highest threshold; 5 misses instead of 9
        (0.9, (0, 2)),
        (0.4, None),
    ],
)
def test_the_fewest_misses_are_chosen_among_few_enough_alarms(tradeoff, wanted, place):
    assert best_place(tradeoff, wanted) == place


def test_without_hours_nothing_is_chosen(tradeoff):
    assert best_place(replace(tradeoff, hours={}, alarms={}), 5.0) is None


def test_the_metrics_have_a_curve_of_each_kind(metrics):
    assert metrics["hours"] == pytest.approx(
        {**dict.fromkeys(KINDS, 5 / 3600), "all": 30 / 3600}, abs=1e-5
    )
    curve = metrics["curve"]
    thresholds = [row["threshold"] for row in curve]
    assert thresholds == sorted({*THRESHOLDS, metrics["detection"]["threshold"]})
    for row in curve:
        assert list(row["false_alarms"]) == [*KINDS, "all"]
        mean = np.mean([row["false_alarms"][kind]["per_hour"] for kind in KINDS])
        assert row["false_alarms"]["all"]["per_hour"] == pytest.approx(mean, rel=1e-3)
        low, high = row["miss_interval"]
        assert low <= round(row["miss_rate"], 4) <= high
    assert curve[0]["false_alarms"]["all"]["per_hour"] > 100
    assert curve[-1]["false_alarms"]["all"]["per_hour"] == 0
    assert curve[0]["miss_rate"] < curve[-1]["miss_rate"]
    assert metrics["at_detection"] in curve
    assert metrics["misses_at"]["5"] in curve


def test_the_latency_counts_from_the_end_of_the_word(predictor):
    clips = load_data(predictor.config.data, ("test",), predictor.labels).test
    measured = measure_tradeoff(predictor, clips, "test", [0.3], [Timing(200, 100)])
    heard = measured.words - measured.missed[0, 0]
    (latencies,) = measured.latencies_ms[0]
    assert len(latencies) == heard > 0
    assert all(-200 <= latency <= 1200 for latency in latencies)


def test_the_run_keeps_what_was_chosen_on_validation(
    speech_run, speech_config, capsys, tmp_path
):
    stored = json.loads((speech_run / "detection.json").read_text())
    assert stored["alarms_per_hour"] == 2500
    assert stored["validation"]["false_alarms"]["per_hour"] <= 2500
    run = shutil.copytree(speech_run, tmp_path / "run")
    (run / "detection.json").unlink()
    predictor = Predictor.load(run)
    assert predictor.detection == DETECTION
    labels = predictor.labels
    validation = load_data(speech_config.data, ("validation",), labels).validation
    choose_detection(predictor, validation)
    assert json.loads((run / "detection.json").read_text()) == stored
    (line,) = capsys.readouterr().out.splitlines()
    chosen = Predictor.load(run).detection
    assert chosen["threshold"] != DETECTION["threshold"]
    assert line.startswith(f"Threshold {chosen['threshold']:g}, smoothing ")
    assert "false alarms an hour in 0.0 h of validation sound (95%: at most " in line
    measured = measure_tradeoff(
        predictor, validation, "validation", THRESHOLDS, threshold.TIMINGS
    )
    timing, place = best_place(measured, 2500)
    assert chosen["threshold"] == measured.thresholds[place]
    times = Timing(chosen["smoothing_ms"], chosen["pause_ms"])
    assert times == threshold.TIMINGS[timing]


@pytest.mark.parametrize(
    ("hours", "wanted", "found", "end"),
    [
        (1.0, 0.5, True, "1.0 h are too few to tell 0.5 an hour; evaluation.hours=20"),
        (1.0, 0.5, False, "No threshold has as few as 0.5 an hour."),
        (20.0, 0.5, True, "20 words missed."),
        (7.0, 0.5, True, "7.0 h are too few to tell"),  # 0 alarms: at most 0.53
        (7.5, 0.5, True, "20 words missed."),
    ],
)
def test_the_line_says_what_the_hours_cannot_tell(tradeoff, hours, wanted, found, end):
    given = {"hours": {"speech": hours}, "alarms": {"speech": np.zeros((2, 3), int)}}
    measured = replace(tradeoff, **given)
    line = threshold._line(measured.row(1), Timing(400, 300), measured, wanted, found)
    assert end in line
    assert line.count("too few") == ("too few" in end)
    assert (
        "Threshold 0.8, smoothing 400 ms, pause 300 ms: 0 false alarms an hour" in line
    )
    assert "25% of 20 words missed" in line


def test_where_no_sound_can_be_made_a_line_says_so_and_the_defaults_hold(
    speech_run, speech_config, monkeypatch, capsys, tmp_path
):
    def fail(*arguments):
        raise ValueError("eSpeak NG\nis missing.")

    monkeypatch.setattr(alarms, "background", fail)
    run = shutil.copytree(speech_run, tmp_path / "run")
    (run / "detection.json").unlink()
    predictor = Predictor.load(run)
    labels = predictor.labels
    validation = load_data(speech_config.data, ("validation",), labels).validation
    choose_detection(predictor, validation)
    printed = capsys.readouterr()
    assert "without the words: eSpeak NG is missing." in printed.err
    assert printed.out == "The threshold stays 0.8: none could be chosen.\n"
    assert not (run / "detection.json").exists()


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"threshold": 0.5}', '{"threshold": "x"}'],
)
def test_damaged_settings_are_named(tmp_path, content):
    (tmp_path / "detection.json").write_text(content)
    with pytest.raises(ValueError, match=r"detection\.json cannot be read .* Delete"):
        read_detection(tmp_path)


@pytest.mark.parametrize("change", [{"threshold": 1.5}, {"pause_ms": -1}])
def test_impossible_settings_are_named(tmp_path, change):
    (tmp_path / "detection.json").write_text(json.dumps({**DETECTION, **change}))
    with pytest.raises(ValueError, match=r"detection\.json: expected a threshold"):
        read_detection(tmp_path)


def test_unknown_words_of_a_data_set_are_heard_with_pauses():
    count, rate = 100, 1000
    clips = Clips(
        np.full((count, rate), 8000, "int16"),
        np.arange(count) % 2,
        ["a"] * count,
        np.full(count, np.inf),
        np.zeros((1, rate), "float32"),
    )
    front_end = LogMel(rate, 40.0, 20.0, 4)
    minutes = list(unknown_clips(clips, ["_unknown_", "yes"], front_end, 20.0))
    assert [len(minute) for minute in minutes] == [1, 1]
    first, last = (minute.shape[1] * 0.02 for minute in minutes)
    assert first == 60
    assert first + last == pytest.approx(50 * 1.9, rel=0.1)  # clips and mean pauses
    (only,) = unknown_clips(clips, ["_unknown_", "yes"], front_end, 0.1)
    assert only.shape == (1, 3000, 4)
