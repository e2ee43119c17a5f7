"""Which faults of a recording are found, and what the recorder keeps."""

import numpy as np
import pytest
import soundfile

from apps.speech_commands import record as recorder
from apps.speech_commands.recordings import distance, fault, frames_of_speech

RATE = 16000


def word(hertz=(300, 900), seconds=0.4, peak=0.3, noise=1e-4, seed=0):
    """Returns 2 s with a sound of some pitches in the middle."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    parts = np.array_split(time, len(hertz))
    hertz = np.multiply(hertz, rng.uniform(0.98, 1.02))
    sound = [np.sin(2 * np.pi * h * part) for h, part in zip(hertz, parts, strict=True)]
    waveform = noise * rng.normal(size=2 * RATE)
    begin = (len(waveform) - len(time)) // 2
    waveform[begin : begin + len(time)] += peak * np.concatenate(sound)
    return waveform.astype("float32")


def test_a_good_recording_has_no_fault_at_any_rate():
    assert fault(word(), RATE) is None
    assert fault(word()[::2], RATE // 2) is None
    assert fault(word(seconds=0.2), RATE) is None


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.clip(word(peak=2.0), -1, 1), "clipped: "),
        (word(peak=0.01, noise=1e-6), r"too quiet \(-43 dB, expected at least -40 dB"),
        (
            word(peak=0.3, noise=0.2),
            r"no word stands out \(by \d dB, expected at least",
        ),
        (word(seconds=0.1), r"too short \(100 ms of sound, expected at least 150 ms"),
        (word()[: RATE + 800], "cut off: "),
        (word()[RATE - 800 :], "cut off: "),
    ],
)
def test_each_fault_is_named_with_its_measure(waveform, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        raise ValueError(fault(waveform, RATE))


def test_two_loud_samples_are_not_clipped():
    waveform = word()
    waveform[RATE : RATE + 2] = 1.0
    assert fault(waveform, RATE) is None
    waveform[RATE + 2] = -1.0
    assert fault(waveform, RATE).startswith("clipped")


def test_another_word_is_unlike_four_others_and_none_is_compared_with_three():
    known = [frames_of_speech(word(seed=n), RATE) for n in range(5)]
    assert fault(word(seed=9), RATE, known) is None
    assert "another word?" in fault(word((2000, 500)), RATE, known)
    assert fault(word((2000, 500)), RATE, known[:3]) is None


def test_the_distance_is_that_of_the_best_path():
    one = np.array([[0.0], [1.0], [5.0]])
    assert distance(one, one) == 0
    assert distance(one, np.repeat(one, 3, axis=0)) == 0  # slower, not different
    # Paths: 0-0, 1-0, 5-4, and 4 beside 1 costs 3: 0 + 1 + 1 over 3 + 2 frames.
    assert distance(one, np.array([[0.0], [4.0]])) == pytest.approx(2 / 5)


def test_the_recorder_fills_up_a_folder_and_asks_about_faults(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(recorder.time, "sleep", lambda _: None)
    soundfile.write(tmp_path / "hey_lucy_01.wav", word(), RATE)
    quiet = word(peak=0.001, noise=1e-6)
    takes = iter([quiet, word(seed=1), quiet])
    questions, answers = [], iter(["", "y"])
    recorder.record(
        *(tmp_path, "Hey, Lucy!", 3, lambda samples: next(takes)[:samples]),
        ask=lambda question: questions.append(question) or next(answers),
    )
    names = ["hey_lucy_01.wav", "hey_lucy_02.wav", "hey_lucy_03.wav"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    written = [soundfile.read(tmp_path / name)[0] for name in names]
    np.testing.assert_allclose(written[1], word(seed=1), atol=1e-4)
    np.testing.assert_allclose(written[2], quiet, atol=1e-4)
    assert all(question.startswith("too quiet (-63 dB") for question in questions)
    out = capsys.readouterr().out
    assert f"{tmp_path} has 1 recordings; they are kept." in out
    assert "3 of 3: say 'Hey, Lucy!' now" in out
    assert out.endswith(f"3 recordings in {tmp_path}.\n")


def test_check_names_the_files_with_a_fault_and_counts(tmp_path, capsys):
    for n in range(6):
        soundfile.write(tmp_path / f"a_{n}.wav", word(seed=n), RATE)
    soundfile.write(tmp_path / "b.wav", word((2000, 500)), RATE)
    with pytest.raises(SystemExit) as caught:
        recorder.main([str(tmp_path), "--check"])
    assert caught.value.code == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("b.wav: unlike the others (")
    assert last == "7 recordings, 1 with a fault."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--check"], "expected a folder of recordings"),
        ([], "--word: expected the word to say"),
        (["--word", "hi", "--count", "0"], "--count: expected 1 or more. Received: 0."),
    ],
)
def test_what_the_recorder_cannot_do_is_one_line(arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        recorder.main([str(tmp_path / "none"), *arguments])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_without_a_microphone_library_one_line_says_what_to_install(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(recorder.sys.modules, "sounddevice", None)
    with pytest.raises(SystemExit):
        recorder.main([str(tmp_path), "--word", "hi"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install sounddevice==0.5.6" in line
    assert "--check" in line
