"""Fixtures for speech commands: tones as words, and a trained run."""

import contextlib

import numpy as np
import pytest

from tests.trained_runs import run_fixtures


@pytest.fixture(scope="session")
def write_tones():
    """Writes 16-bit WAV files of 0.2 s at 8 kHz; each word has a folder and a pitch."""
    import soundfile

    def write(root, words, speakers, takes=2):
        rng = np.random.default_rng(8)
        time = np.arange(1600) / 8000
        for hz, word in zip((300, 900, 2000), words, strict=False):
            (root / word).mkdir(parents=True, exist_ok=True)
            for speaker in speakers:
                for take in range(takes):
                    tone = np.sin(2 * np.pi * hz * rng.uniform(0.95, 1.05) * time)
                    tone = 0.3 * tone + 0.02 * rng.normal(size=len(time))
                    path = root / word / f"{speaker}_nohash_{take}.wav"
                    soundfile.write(path, tone, 8000, subtype="PCM_16")
        return root

    return write


@pytest.fixture(scope="session")
def tones(write_tones, once):
    """A user's folder: three words by 40 speakers."""
    speakers = [f"{number:04x}" for number in range(40)]
    words = ("low", "middle", "high")
    return once("tones", lambda folder: write_tones(folder, words, speakers))


@pytest.fixture(scope="session")
def sound_files(tones):
    """Two WAV files of equal length."""
    return [str(next((tones / word).iterdir())) for word in ("low", "high")]


@pytest.fixture(scope="session")
def quick_background(_own_caches):
    """Writes 5 s of random frames where minutes of sound would be made.

    Returns the function `background`.
    """
    from apps.speech_commands.streaming import hours

    def make(directory, split, labels, accents, features, minutes):
        front_end = hours.LogMel(**features)
        shape = 5 * front_end.sample_rate_hz // front_end.hop, front_end.mel_bands
        for kind, number in minutes:
            rng = np.random.default_rng([list(hours.SHARES).index(kind), number])
            frames = rng.normal(-4, 3, shape).astype("float32")
            np.save(f"{directory}/{kind}-{number:04}.npy", frames)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hours, "_make_in_its_own_process", make)
        yield hours.background


@pytest.fixture(scope="session")
def speech_config(tones, quick_background):
    """A speech command recipe that trains in seconds.

    Its minutes of sound lie in the cache, where other processes find them too.
    """
    from apps.speech_commands import config

    recipe = config.Config(
        data=config.DataConfig(
            dataset="folder", directory=str(tones), sample_rate_hz=8000, clip_ms=200
        ),
        features=config.FeatureConfig(window_ms=20.0, hop_ms=10.0, mel_bands=8),
        model=config.ModelConfig(units=6, num_layers=2),
        train=config.TrainConfig(
            epochs=2, batch_size=16, clips_in_a_row=2, learning_rate=0.02
        ),
        evaluation=config.EvaluationConfig(hours=0.01, alarms_per_hour=2500.0),
    )
    for split in ("validation", "test"):
        quick_background(split, 0.01, ["high", "low", "middle"], recipe)
    return recipe


speech_run, finished_speech_run = run_fixtures("speech_commands", "speech_config")


@pytest.fixture(scope="session")
def speech_device_files(speech_run, once):
    """The directory `litert/` of a run of speech commands. Change only copies."""
    from apps.common.export.litert import export
    from apps.speech_commands.export import device_inputs
    from apps.speech_commands.predict import Predictor
    from tests.litert_converter import Process, in_process

    def make(directory):
        directory.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            process = contextlib.nullcontext(Process(in_process, 0))
            patch.setattr(export, "conversion_process", lambda: process)
            export.write_litert(directory, Predictor.load(speech_run), device_inputs)

    return once("speech-litert", make) / "litert"


@pytest.fixture(scope="session")
def synthetic_speech(_own_caches):
    """Puts a small data set of tones into the cache of the synthetic voices."""
    from apps.speech_commands.synthesis import corpus as synthetic

    directory = synthetic.cached_at()
    directory.mkdir(parents=True)
    rng = np.random.default_rng(4)
    words = [*synthetic.WORDS, synthetic.UNKNOWN, synthetic.SILENCE]
    for split, count in (("train", 4), ("validation", 1), ("test", 2)):
        labels = words * count
        time = np.arange(2000) / 8000
        speech = [
            0.4 * np.sin(2 * np.pi * 100 * (2 + words.index(label)) * time)
            for label in labels
        ]
        np.savez(
            directory / f"{split}.npz",
            speech=(np.concatenate(speech) * 32767).astype("int16"),
            ends=np.cumsum([len(one) for one in speech]),
            places=rng.integers(0, 6000, len(labels)),
            labels=labels,
            names=[f"{label} {number}" for number, label in enumerate(labels)],
            snr_db=rng.uniform(0, 20, len(labels)),
            noise=(1000 * rng.normal(size=(2, 20000))).astype("int16"),
            sample_rate_hz=8000,
        )
    return directory
