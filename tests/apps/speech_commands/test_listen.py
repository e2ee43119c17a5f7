"""The command that listens to a long recording."""

import sys

import numpy as np
import pytest
import soundfile

from apps.speech_commands import listen


@pytest.fixture
def start(monkeypatch, finished_speech_run):
    def start(*words):
        words = ["listen", *map(str, words), "--run", str(finished_speech_run)]
        monkeypatch.setattr(sys, "argv", words)
        listen.main()

    return start


def test_a_recording_of_another_rate_is_listened_to(start, tmp_path, capsys):
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(44100) / 44100)
    soundfile.write(tmp_path / "long.wav", tone, 44100)
    start(tmp_path / "long.wav", "--threshold", "0.2", "--chunk-ms", "50")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert " s  " in lines[0]
    assert "in 1.0 s of audio. Real-time factor " in lines[-1]
    assert "with chunks of 50 ms" in lines[-1]


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.wav", "there is no such file"), ("text.wav", "not audio")],
)
def test_what_is_no_audio_ends_in_one_line(start, tmp_path, capsys, name, message):
    (tmp_path / "text.wav").write_text("words")
    with pytest.raises(SystemExit) as ended:
        start(tmp_path / name)
    assert ended.value.code == 2
    assert f"{name}: {message}" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--chunk-ms", "-5"), ("--threshold", "80")])
def test_an_impossible_setting_is_refused(start, tmp_path, capsys, words):
    with pytest.raises(SystemExit) as ended:
        start(tmp_path / "any.wav", *words)
    assert ended.value.code == 2
    assert f"{words[0]}: expected a number above 0" in capsys.readouterr().err
