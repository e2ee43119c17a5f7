"""The command that listens to a long recording."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from apps.common.portable.audio import read_audio
from apps.common.portable.detector import DETECTION
from apps.speech_commands import listen
from apps.speech_commands.predict import Predictor
from apps.speech_commands.streaming.device import device_stream
from apps.speech_commands.streaming.session import Stream

ROOT = Path(__file__).parents[3]


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


def test_litert_hears_hop_by_hop_what_tensorflow_hears(
    finished_speech_run, speech_device_files, sound_files
):
    predictor = Predictor.load(finished_speech_run)
    wave = np.tile(read_audio(sound_files[0], 8000), 3)
    expected, words = Stream(
        predictor.stream, predictor.front_end, predictor.labels, 0.3
    ).feed(wave)
    stream = device_stream(speech_device_files, "stream", 0.3)
    assert (stream.hop, stream.sample_rate_hz) == (80, 8000)
    chunks = [stream.feed(chunk) for chunk in np.split(wave, len(wave) // 80)]
    posteriors = np.concatenate([posteriors for posteriors, _ in chunks])
    np.testing.assert_allclose(posteriors, expected, atol=1e-4)
    assert words
    heard = [word for _, words in chunks for word in words]
    assert [(w.word, w.time_s) for w in heard] == [(w.word, w.time_s) for w in words]


def test_every_engine_listens_with_the_threshold_that_the_run_chose(
    finished_speech_run, speech_device_files
):
    chosen = Predictor.load(finished_speech_run).detection
    assert chosen["threshold"] != DETECTION["threshold"]
    assert chosen["pause_ms"] != DETECTION["pause_ms"]
    streams = (
        listen._tensorflow(finished_speech_run, None)(),
        device_stream(speech_device_files, "stream"),
    )
    for stream in streams:
        listener = stream.listener
        assert listener._detector.threshold == chosen["threshold"]
        assert listener.pause == round(chosen["pause_ms"] / 10)
        assert len(listener._before) == round(chosen["smoothing_ms"] / 10) - 1
    given = listen._tensorflow(finished_speech_run, 0.25)().listener
    assert given._detector.threshold == 0.25
    assert given.pause == round(chosen["pause_ms"] / 10)


def test_listening_with_litert_imports_no_tensorflow(speech_device_files, sound_files):
    program = (
        "import sys\n"
        "sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "from apps.speech_commands import listen\n"
        "listen.main()"
    )
    words = [sound_files[0], "--engine", "litert", "--run", str(speech_device_files)]
    result = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "in 0.2 s of audio. Real-time factor " in result.stdout
    assert "with chunks of 10 ms" in result.stdout  # one hop


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--engine", "litert"), "the export has no LiteRT files"),
        (("--quantization", "int8"), "--quantization: goes with --engine litert"),
    ],
)
def test_a_file_that_an_export_lacks_is_one_line(
    start, sound_files, capsys, words, message
):
    with pytest.raises(SystemExit) as ended:
        start(sound_files[0], *words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_model_for_whole_clips_is_not_listened_to(sound_files, tmp_path):
    write_description(tmp_path, graphs={"clip": {"file": "clip.tflite"}})
    with pytest.raises(ValueError, match="A model streams with model"):
        listen.listen(tmp_path, sound_files[0], engine="litert")


def write_description(directory, **content):
    """Writes a `model.json`; by default without graphs, files and settings."""
    content = {
        **{"format": 1, "app": "speech_commands"},
        **{"graphs": {}, "files": {}, "settings": {}},
        **content,
    }
    (directory / "model.json").write_text(json.dumps(content))


def test_another_app_is_not_listened_to(sound_files, tmp_path):
    write_description(tmp_path, app="sentiment", graphs={"text": {}})
    message = (
        f"^{tmp_path}/model.json: expected an export of the app 'speech_commands'. "
        "Received: 'sentiment'. Name a run of 'speech_commands', or its directory lit"
    )
    with pytest.raises(ValueError, match=message):
        listen.listen(tmp_path, sound_files[0], engine="litert")
    with pytest.raises(ValueError, match=message):
        device_stream(tmp_path, "text")


@pytest.mark.parametrize("name", ["pooling", "hop_ms", "threshold", "sample_rate_hz"])
def test_a_setting_that_an_export_lacks_is_named(name, speech_device_files, tmp_path):
    shutil.copytree(speech_device_files, tmp_path / "litert")
    path = tmp_path / "litert" / "model.json"
    content = json.loads(path.read_text())
    content["settings"][name] = None
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"{path}: settings: {name}: expected a "):
        device_stream(tmp_path / "litert", "stream")
    del content["settings"][name]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"{path}: settings: {name}: the entry is mis"):
        device_stream(tmp_path / "litert", "stream")


def test_labels_that_an_export_lacks_are_named(speech_device_files, tmp_path):
    shutil.copytree(speech_device_files, tmp_path / "litert")
    path = tmp_path / "litert" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": {}}))
    with pytest.raises(ValueError, match=r"files: labels.txt: the entry is missing"):
        device_stream(tmp_path / "litert", "stream")
