"""The curve over numbers of recordings: who is learnt from, what is counted, tables."""

import json
import subprocess

import numpy as np
import pytest
import soundfile

from apps.speech_commands.predict import Predictor
from experiments.request import parse
from experiments.research.wake_words import cases, measure, report
from experiments.research.wake_words.__main__ import main
from experiments.speech_commands import TASK
from experiments.tables import BEGIN, END


@pytest.fixture
def words(tmp_path):
    """Two words; the nth recording of a word has n + 1 samples."""
    for word in ("hey_you", "stop"):
        (tmp_path / word).mkdir()
        for n in range(10):
            soundfile.write(tmp_path / word / f"{n}.flac", np.zeros(n + 1), 16000)
    (tmp_path / "LICENSE").write_text("free")
    return tmp_path


def test_half_of_a_words_recordings_are_tested_and_none_of_them_is_learnt_from(words):
    you, stop = cases.cases_of_words(words)
    assert (you.word, stop.word) == ("hey you", "stop")
    learnt, tested = (
        {len(read()) for read in reads}
        for reads in (you.learnt, you.tested["any speaker"])
    )
    assert len(learnt) == len(tested) == 5
    assert learnt | tested == set(range(1, 11))
    assert len(you.others) == 10


@pytest.fixture
def digits(monkeypatch):
    """Free Spoken Digit with 8 recordings of a digit by each of two speakers."""

    class Examples(list):
        def as_numpy_iterator(self):
            return iter(self)

    numbers = (0, 4, 5, 9, 10, 11, 30, 49)
    monkeypatch.setattr(cases, "LEARNT", [n for n in numbers if n >= 5])
    monkeypatch.setattr(cases, "TESTED", [n for n in numbers if n < 5])
    examples = [
        {
            "audio/filename": f"{digit}_{speaker}_{n}.wav".encode(),
            "audio": np.array([100 * digit + n, "ab".index(speaker)]),
        }
        for digit in range(10)
        for speaker in "ab"
        for n in numbers
    ]
    monkeypatch.setattr(cases, "load_dataset", lambda *_: Examples(examples))


def test_a_digit_is_learnt_from_one_speaker_and_tested_on_all(digits):
    found = cases.cases_of_digits(["b"])
    assert [case.word for case in found] == list(cases.DIGITS)
    seven = found[7]

    def content(reads):
        return {tuple(np.round(read() * 32767).astype(int)) for read in reads}

    assert content(seven.learnt) == {(700 + n, 1) for n in (5, 9, 10, 11, 30, 49)}
    assert content(seven.tested["same speaker"]) == {(700, 1), (704, 1)}
    assert content(seven.tested["strangers"]) == {(700, 0), (704, 0)}
    assert len(seven.others) == 9 * 2 * 2
    assert not any(700 <= number < 800 for number, _ in content(seven.others))
    with pytest.raises(ValueError, match="--speakers: expected some of a, b"):
        cases.cases_of_digits(["c"])


def test_the_command_of_a_point_is_one_that_the_app_takes(words, monkeypatch, tmp_path):
    commands = []
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command: (
            commands.append(command)
            or subprocess.CompletedProcess(command, int(command[-1].endswith("-5")))
        ),
    )
    case = cases.cases_of_words(words)[0]
    run = measure.train(case, 3, tmp_path / "runs")
    request = parse(TASK, commands[0][3:])
    config = TASK.config(request.recipe, request.overrides)
    assert (request.recipe, request.verbs) == ("wake", ["train"])
    assert (config.data.word, config.data.sample_rate_hz) == ("hey you", 16000)
    written = sorted(path.name for path in run.parent.glob("*-recordings/*"))
    assert written == ["000.wav", "001.wav", "002.wav"]
    assert config.data.directory == str(run.parent / "hey_you-3-recordings")
    measure.train(case, 0, tmp_path / "runs")
    assert "data.directory=" in commands[1]
    with pytest.raises(ValueError, match="hey_you-5: the training failed"):
        measure.train(case, 5, tmp_path / "runs")


def test_what_a_finished_run_hears_is_counted_by_group(
    speech_run, monkeypatch, tmp_path, tones
):
    predictor = Predictor.load(speech_run)
    word = predictor.labels[0]

    def read(path):
        return lambda: soundfile.read(path, dtype="float32")[0]

    mine = [read(path) for path in sorted((tones / word).iterdir())[:6]]
    others = [read(path) for path in sorted((tones / "low").iterdir())[:4]]
    monkeypatch.setattr(measure, "MOST_CLIPS", 4)  # two long recordings
    heard = measure.heard_at(predictor, mine, word)
    assert heard.shape == (6, len(measure.THRESHOLDS))
    assert (np.diff(heard.sum(axis=0)) <= 2).all()
    assert heard[:, 0].sum() >= heard[:, -1].sum()
    frames = np.zeros((1, 100, 8), "float32")
    counts = np.arange(len(measure.THRESHOLDS))[::-1].reshape(1, -1)
    monkeypatch.setattr(measure, "background", lambda *_: {"speech": [], "music": []})
    monkeypatch.setattr(measure, "frames_of", lambda paths: [frames])
    monkeypatch.setattr(measure, "count_alarms", lambda *_: (10.0, counts))
    fixed = np.ones((6, len(measure.THRESHOLDS)), bool)
    fixed[:, -5:] = False
    monkeypatch.setattr(
        measure, "heard_at", lambda predictor, reads, word: fixed[: len(reads)]
    )
    case = cases.Case(word, word, 8000, [], {"all": mine}, others)
    found = measure.measure(case, speech_run, 20.0, [word])
    # Of 20 hours 10 alarms are half an hour's; each threshold less has two more.
    place = len(measure.THRESHOLDS) - 1 - 5
    assert found["0.5"] == {
        "threshold": measure.THRESHOLDS[place],
        "alarms": 10,
        "hours": 20.0,
        "missed": {"all": [0, 6]},
        "other_words": [4, 4],
    }
    monkeypatch.setattr(measure, "count_alarms", lambda *_: (10.0, counts + 200))
    assert measure.measure(case, speech_run, 20.0, [word]) == {"0.5": None, "5": None}


def point(word, count, missed, others=(1, 500)):
    at = {"missed": missed, "other_words": list(others)}
    return {
        **{"kind": "digits", "case": f"{word} {count}", "word": word, "count": count},
        **{"hours": 20.0, "train_minutes": 3.0, "misses_at": {"0.5": at}},
    }


def test_speakers_of_a_word_are_summed_and_a_missing_point_is_blank():
    points = [
        point("one", 3, {"same speaker": [1, 5], "strangers": [10, 25]}),
        point("one", 3, {"same speaker": [2, 5], "strangers": [5, 25]}, (3, 500)),
        point("two", 10, {"same speaker": [0, 5], "strangers": [0, 25]}),
    ]
    points[2]["misses_at"]["0.5"]["other_words"] = [0, 500]
    lines = report.table(points).splitlines()
    assert lines[0] == "| word, speakers | 3 recordings | 10 recordings |"
    assert lines[2] == "| one, same speaker | 30% (3 of 10) |  |"
    assert lines[4] == "| two, same speaker |  | 0% (0 of 5) |"
    assert report.others_table(points).splitlines()[2:] == [
        "| one | 4 |  |",
        "| two |  | 0 |",
    ]


def test_recorded_points_are_kept_and_renewed(monkeypatch, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN.format('wake_words')}\n{END.format('wake_words')}\n")
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "RESULT", tmp_path / "wake_words.json")
    report.record([point("one", 3, {"same speaker": [1, 5]})])
    report.record(
        [point("one", 3, {"same speaker": [2, 5]}), point("two", 3, {"x": [0, 1]})]
    )
    recorded = json.loads(report.RESULT.read_text())["points"]
    assert [p["misses_at"]["0.5"]["missed"] for p in recorded] == [
        {"same speaker": [2, 5]},
        {"x": [0, 1]},
    ]
    text = page.read_text()
    assert "| one, same speaker | 40% (2 of 5) |" in text
    assert "3.0 to 3.0 minutes of training" in text


def test_a_wrong_word_or_too_many_recordings_is_one_line(words, capsys):
    for arguments, message in (
        (["--words", "go"], "--words: expected some of hey you, stop. Received: 'go'."),
        (["--recordings", "30"], "--recordings: hey you has 5 to learn from."),
    ):
        with pytest.raises(SystemExit):
            main(["words", str(words), *arguments])
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
