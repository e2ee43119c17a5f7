"""What a run is measured by, and its answers for files."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from apps.speech_commands.data import load_data
from apps.speech_commands.evaluate import evaluate
from apps.speech_commands.predict import Predictor


@pytest.fixture(scope="module")
def predictor(finished_speech_run):
    return Predictor.load(finished_speech_run)


def test_evaluate_writes_what_a_run_reached(finished_speech_run):
    metrics = json.loads((finished_speech_run / "metrics.json").read_text())
    assert (metrics["dataset"], metrics["split"]) == ("folder", "test")
    assert metrics["unit"] == "clips"
    assert metrics["examples"] == np.sum(metrics["confusion_matrix"])
    assert set(metrics["by_label"]) == {"low", "middle", "high"}
    by_ratio = metrics["accuracy_by_signal_to_noise"]
    assert list(by_ratio) == ["clean", "20 dB", "10 dB", "5 dB", "0 dB"]
    assert by_ratio["clean"] == metrics["accuracy"]
    for name in ("learning", "confusion", "noise", "det"):
        assert (finished_speech_run / f"{name}.png").stat().st_size > 2000


def test_the_accuracy_is_that_of_predict_on_the_test_files(
    predictor, finished_speech_run, speech_config, tones
):
    metrics = json.loads((finished_speech_run / "metrics.json").read_text())
    names = load_data(
        speech_config.data, ("test",), ["high", "low", "middle"]
    ).test.names
    answers = predictor.predict([tones / name for name in names])
    right = [a["label"] == n.split("/")[0] for a, n in zip(answers, names, strict=True)]
    assert metrics["accuracy"] == pytest.approx(np.mean(right))
    for answer in answers:
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_evaluated_again_it_keeps_its_metrics(finished_speech_run, tmp_path, capsys):
    run = shutil.copytree(finished_speech_run, tmp_path / "run")
    (run / "metrics.json").write_text('{"accuracy": 0.5}')
    assert evaluate(Predictor.load(run)) == {"accuracy": 0.5}
    assert "is evaluated already" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wave",
    [
        np.zeros(80),
        np.zeros(480_000),
        np.ones(1600),
        5 * np.sin(np.arange(1600)),
        np.random.default_rng(0).normal(0, 0.1, (4000, 2)),
    ],
    ids=["10 ms", "a minute of silence", "full scale", "clipping", "stereo"],
)
def test_odd_sounds_have_an_answer(predictor, tmp_path, wave):
    soundfile.write(tmp_path / "odd.wav", wave, 8000)
    (answer,) = predictor.predict([tmp_path / "odd.wav"])
    assert answer["label"] in ("low", "middle", "high")
    assert np.isfinite(list(answer["probabilities"].values())).all()


def test_of_ten_minutes_the_loudest_part_counts(predictor, tmp_path):
    rng = np.random.default_rng(2)
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(1600) / 8000)
    long = rng.normal(0, 0.001, 600 * 8000)
    long[3_000_000:3_001_600] += tone
    answers = []
    for name, wave in (("short", tone), ("long", long)):
        soundfile.write(tmp_path / f"{name}.wav", wave, 8000)
        (answer,) = predictor.predict([tmp_path / f"{name}.wav"])
        answers.append(list(answer["probabilities"].values()))
    np.testing.assert_allclose(answers[0], answers[1], atol=0.2)


def test_the_pitch_is_told_whatever_the_rate(predictor, tmp_path):
    answers = []
    for rate in (8000, 44100):
        tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(rate // 5) / rate)
        soundfile.write(tmp_path / f"{rate}.wav", tone, rate)
        (answer,) = predictor.predict([tmp_path / f"{rate}.wav"])
        answers.append([answer["probabilities"][label] for label in predictor.labels])
    np.testing.assert_allclose(answers[0], answers[1], atol=0.15)
