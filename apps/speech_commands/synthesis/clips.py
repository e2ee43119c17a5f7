"""Makes spoken clips with eSpeak NG, writes them into a file and reads them."""

import functools
import hashlib
import json
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from apps.common.data.splits import sha1_modulo
from apps.common.portable.audio import as_float, as_int16, resample
from apps.common.portable.files import cache_directory, rename_into_place
from apps.common.portable.progress import Progress
from apps.common.portable.terminal import report_errors, report_once
from apps.speech_commands.coloured_noise import coloured_noise, level
from apps.speech_commands.synthesis.espeak import (
    LEFT_OUT,
    Synthesizer,
    fetch_archive,
    run_speaking,
    system_version,
)
from apps.speech_commands.synthesis.voices import (
    ACCENTS,
    RELATED,
    all_voices,
    made_up,
)

SPLITS = ("train", "validation", "test")
SILENCE = "_silence_"
SENTENCES = (
    "The old bridge was closed for three weeks while they painted it.",
    "We took the early train and had our breakfast by the sea.",
    "Nobody could say who had left the bicycle in the kitchen.",
    "Twelve small boats were waiting for the wind to turn.",
    "She reads the newspaper every evening, mostly from back to front.",
    "In winter the lake is so quiet that you hear the ice.",
)


@dataclass(frozen=True)
class Settings:
    """Settings of the clips; those of the commands were fixed before the first run."""

    version: int = 4
    train_clips: int = 1000  # per label
    validation_clips: int = 80
    test_clips: int = 120
    lowest_rate: int = 130  # words per minute
    highest_rate: int = 210
    lowest_pitch: int = 30  # 0 to 99
    highest_pitch: int = 70
    lowest_range: int = 20  # variation of the pitch, 0 to 99
    highest_range: int = 80
    lowest_gain_db: float = -20.0
    shift_ms: float = 150.0  # maximum, from the middle of a clip
    lowest_snr_db: float = 0.0
    highest_snr_db: float = 20.0
    noises: int = 24
    babble_every: int = 6  # one noise in 6 is babble; the others are coloured
    noise_seconds: int = 10


@dataclass(frozen=True)
class Spoken:
    """What is said in the clips.

    Attributes:
        texts: The texts of each label, of which a clip says one; those of `SILENCE` are
            not read, its clips are noise.
        seconds: Length of a clip.
        accents: Accents of the voices.
        settings: `Settings`.
    """

    texts: dict
    seconds: float = 1.0
    accents: tuple = ACCENTS
    settings: Settings = Settings()


def clips_directory(name, *settings):
    """Returns the folder of clips in the cache; its name is a hash of the settings.

    The hash names the version of a system's eSpeak NG. It does not name the platform of
    the package's builds, which are of one version and have the same data.
    """
    return cache_directory() / name / cache_key(*settings, SENTENCES)


def cache_key(*settings):
    """Returns a hash of settings, of the voices and of a system's version."""
    settings = repr((*settings, LEFT_OUT, RELATED, made_up()))
    settings += system_version() or ""
    return hashlib.sha1(settings.encode()).hexdigest()[:12]


def read_split(directory, split, sample_rate_hz, seconds=1.0):
    """Reads a split of clips that `make_clips` made.

    Args:
        directory: The directory.
        split: "train", "validation" or "test".
        sample_rate_hz: Sample rate of the result in Hz.
        seconds: Length of a clip, that of `Spoken`.

    Returns:
        A generator of `(name, label, read)`, as in `sources.Rows`; the signal-to-noise
        ratio of each clip in dB; and the noises, float32 `(noises, samples)`.

    Raises:
        ValueError: If the file is damaged.
    """
    if version := system_version():
        report_once(
            f"This system's eSpeak NG {version} makes the clips, not the pinned "
            "package. Do not compare the results with recorded ones."
        )
    path = directory / f"{split}.npz"
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as made:
            speech, ends, noise = made["speech"], made["ends"], as_float(made["noise"])
            labels, names = made["labels"].tolist(), made["names"].tolist()
            places, snr_db = made["places"], made["snr_db"]
            made_hz = int(made["sample_rate_hz"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: the file is damaged ({error}). Remove {directory}; the next run "
            "generates it again."
        ) from None

    def clips():
        start = 0
        for name, label, end, place in zip(names, labels, ends, places, strict=True):
            clip = np.zeros(round(seconds * made_hz), "float32")
            clip[place : place + end - start] = as_float(speech[start:end])
            read = functools.partial(resample, clip, made_hz, sample_rate_hz)
            yield name, label, read
            start = end

    noise = np.stack([resample(row, made_hz, sample_rate_hz) for row in noise])
    return clips(), snr_db, noise


def make_clips(directory, spoken):
    """Makes the clips of all splits in a fresh process, and writes them.

    The library's output depends on its earlier output in the same process.

    Args:
        directory: The new directory, below that of a cache.
        spoken: A `Spoken`.

    Raises:
        ValueError: If eSpeak NG cannot be downloaded, there is none for this platform,
            or it fails.
    """
    fetch_archive()  # before there is a folder
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=directory.parent) as scratch:
        temporary = Path(scratch, "made").resolve()
        temporary.mkdir()
        request = {"directory": str(temporary), "spoken": asdict(spoken)}
        run_speaking(__name__, request, "Generating the clips failed")
        rename_into_place(temporary, directory)


def _make(synthesizer, spoken, split, path):
    """Generates a split and writes it, at the synthesizer's sample rate."""
    settings = spoken.settings
    rng = np.random.default_rng([settings.version, sha1_modulo(split, 2**32)])
    voices = all_voices(split, synthesizer.variants, spoken.accents)
    per_label = asdict(settings)[f"{split}_clips"]
    print(
        f"Generating {split} clips with {len(voices)} voices of eSpeak NG",
        file=sys.stderr,
    )
    said = len(set(spoken.texts) - {SILENCE})
    bar = Progress(said * per_label + settings.noises, "clip")
    noise = _noises(synthesizer, settings, voices, rng, bar)
    rate_hz = synthesizer.sample_rate_hz
    samples = round(spoken.seconds * rate_hz)
    clips, places, labels, names = [], [], [], []
    for label, texts in spoken.texts.items():
        for _ in range(per_label):
            if label == SILENCE:
                row = noise[rng.integers(len(noise))]
                start = rng.integers(len(row) - samples)
                clip, name = row[start : start + samples], "noise"
            else:
                text = rng.choice(texts) if len(texts) > 1 else texts[0]
                clip, voice = random_speech(synthesizer, text, voices, rng, settings)
                clip = clip[:samples]
                name = f"{text} {voice}"
                bar.add()
            gain_db = rng.uniform(settings.lowest_gain_db, 0)
            clips.append(as_int16(clip * 10 ** (gain_db / 20)))
            middle = (samples - len(clip)) // 2
            most = min(settings.shift_ms / 1000 * rate_hz, middle)
            shift = rng.uniform(-1, 1) * most
            places.append(middle + int(shift))
            labels.append(label)
            names.append(name)
    bar.close()
    ratios = settings.lowest_snr_db, settings.highest_snr_db
    snr_db = rng.uniform(*ratios, len(clips))
    np.savez(
        path,
        speech=np.concatenate(clips),
        ends=np.cumsum([len(clip) for clip in clips]),
        places=places,
        labels=labels,
        names=names,
        snr_db=snr_db,
        noise=as_int16(noise),
        sample_rate_hz=rate_hz,
    )


def random_speech(synthesizer, text, voices, rng, settings=Settings()):
    """Speaks a text in a random voice; returns speech with peak 1, and the voice."""
    s, voice = settings, str(rng.choice(voices))
    speech = synthesizer.say(
        text,
        voice,
        rate=rng.integers(s.lowest_rate, s.highest_rate + 1),
        pitch=rng.integers(s.lowest_pitch, s.highest_pitch + 1),
        pitch_range=rng.integers(s.lowest_range, s.highest_range + 1),
    ).astype("float32")
    return speech / np.abs(speech).max(), voice


def _noises(synthesizer, settings, voices, rng, bar):
    """Generates coloured noises and, every sixth, the babble of six voices."""
    samples = settings.noise_seconds * synthesizer.sample_rate_hz
    noises = []
    for number in range(settings.noises):
        if number % settings.babble_every:
            noise = coloured_noise(rng, samples, rng.uniform(0, 2))
        else:
            noise = np.zeros(samples, "float32")
            for _ in range(6):
                speech = np.zeros(0, "float32")
                while len(speech) < samples:
                    text = str(rng.choice(SENTENCES))
                    sentence, _ = random_speech(
                        synthesizer, text, voices, rng, settings
                    )
                    speech = np.concatenate([speech, sentence])
                noise += speech[:samples]
            noise = level(noise)
        noises.append(noise)
        bar.add()
    return np.stack(noises)


if __name__ == "__main__":
    with report_errors():
        request = json.load(sys.stdin)
        folder, said = request["directory"], request["spoken"]
        said = Spoken(**{**said, "settings": Settings(**said["settings"])})
        library = Synthesizer(made_up())
        for name in SPLITS:
            _make(library, said, name, Path(folder, f"{name}.npz"))
