"""Generates a corpus of spoken command words with the voices of eSpeak NG."""

import functools
import hashlib
import subprocess
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
    system_version,
)
from apps.speech_commands.synthesis.voices import (
    ACCENTS,
    RELATED,
    made_up_variant,
    voices_of,
)

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
OTHER_WORDS = (
    *("bed", "bird", "cat", "dog", "happy", "house", "tree", "wow", "zero", "one"),
    *("two", "three", "four", "five", "six", "seven", "eight", "nine", "learn"),
    *("visual", "follow", "forward", "backward", "water", "music", "window", "yellow"),
    *("garden", "paper", "summer"),
)
UNKNOWN, SILENCE = "_unknown_", "_silence_"
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
    """Settings of the corpus; fixed before the first reported run."""

    version: int = 4
    made_up_variants: int = 100  # training only; eSpeak NG allows 349 in all
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
    shift_ms: float = 150.0  # maximum, from the middle of a clip of 1 s
    lowest_snr_db: float = 0.0
    highest_snr_db: float = 20.0
    noises: int = 24
    babble_every: int = 6  # one noise in 6 is babble; the others are coloured
    noise_seconds: int = 10


SETTINGS = Settings()


def cached_at():
    """Returns the corpus's cache folder; its name is a hash of the settings.

    The hash names the version of a system's eSpeak NG. It does not name the platform of
    the package's builds, which are of one version and have the same data.
    """
    spoken = (WORDS, OTHER_WORDS, SENTENCES)
    settings = repr((SETTINGS, spoken, ACCENTS, LEFT_OUT, RELATED, made_up()))
    settings += system_version() or ""
    key = hashlib.sha1(settings.encode()).hexdigest()[:12]
    return cache_directory() / "synthetic_speech" / key


def synthetic_split(split, sample_rate_hz):
    """Reads a split from the cache; the first call generates all three splits.

    Args:
        split: "train", "validation" or "test".
        sample_rate_hz: Sample rate of the result in Hz.

    Returns:
        A generator of `(name, label, read)`, as in `sources.Rows`; the signal-to-noise
        ratio of each clip in dB; and the noises, float32 `(noises, samples)`.

    Raises:
        ValueError: If eSpeak NG cannot be downloaded, there is none for this platform,
            or the cache is damaged.
    """
    directory = cached_at()
    if version := system_version():
        report_once(
            f"data.dataset=synthetic: this system's eSpeak NG {version} makes the "
            "clips, not the pinned package. Do not compare the results with recorded "
            "ones."
        )
    if not directory.is_dir():
        _make_in_its_own_process(directory)
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
            clip = np.zeros(made_hz, "float32")
            clip[place : place + end - start] = as_float(speech[start:end])
            read = functools.partial(resample, clip, made_hz, sample_rate_hz)
            yield name, label, read
            start = end

    noise = np.stack([resample(row, made_hz, sample_rate_hz) for row in noise])
    return clips(), snr_db, noise


def made_up():
    """Generates the descriptions of the made-up variants, by name."""
    rng = np.random.default_rng([SETTINGS.version])
    names = (f"madeup{n}" for n in range(SETTINGS.made_up_variants))
    return {name: made_up_variant(rng) for name in names}


def training_voices(variants):
    """Returns the training split's voices, and the made-up ones in every accent."""
    made = [f"{accent}+{name}" for accent in ACCENTS for name in made_up()]
    return voices_of("train", variants) + made


def _make_in_its_own_process(directory):
    """Generates all splits in a fresh process.

    The library's output depends on its earlier output in the same process.
    """
    fetch_archive()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=directory.parent) as scratch:
        temporary = Path(scratch, "made").resolve()
        temporary.mkdir()
        command = [sys.executable, "-m", __name__, str(temporary)]
        result = subprocess.run(command, cwd=Path(__file__).parents[3], check=False)
        if result.returncode:
            raise ValueError(
                "data.dataset=synthetic: generating the corpus failed; see the message "
                "above."
            )
        rename_into_place(temporary, directory)


def _make(synthesizer, split, path):
    """Generates a split and writes it, at the synthesizer's sample rate."""
    rng = np.random.default_rng([SETTINGS.version, sha1_modulo(split, 2**32)])
    voices = voices_of(split, synthesizer.variants)
    if split == "train":
        voices = training_voices(synthesizer.variants)
    per_label = asdict(SETTINGS)[f"{split}_clips"]
    print(
        f"Generating {split} clips with {len(voices)} voices of eSpeak NG",
        file=sys.stderr,
    )
    bar = Progress((len(WORDS) + 1) * per_label + SETTINGS.noises, "clip")
    noise = _noises(synthesizer, voices, rng, bar)
    second = synthesizer.sample_rate_hz
    clips, places, labels, names = [], [], [], []
    for label in (*WORDS, UNKNOWN, SILENCE):
        for _ in range(per_label):
            if label == SILENCE:
                row = noise[rng.integers(len(noise))]
                start = rng.integers(len(row) - second)
                clip, name = row[start : start + second], "noise"
            else:
                word = rng.choice(OTHER_WORDS) if label == UNKNOWN else label
                clip, voice = random_speech(synthesizer, word, voices, rng)
                clip = clip[:second]
                name = f"{word} {voice}"
                bar.add()
            gain_db = rng.uniform(SETTINGS.lowest_gain_db, 0)
            clips.append(as_int16(clip * 10 ** (gain_db / 20)))
            middle = (second - len(clip)) // 2
            shift = rng.uniform(-1, 1) * min(SETTINGS.shift_ms / 1000 * second, middle)
            places.append(middle + int(shift))
            labels.append(label)
            names.append(name)
    bar.close()
    snr_db = rng.uniform(SETTINGS.lowest_snr_db, SETTINGS.highest_snr_db, len(clips))
    np.savez(
        path,
        speech=np.concatenate(clips),
        ends=np.cumsum([len(clip) for clip in clips]),
        places=places,
        labels=labels,
        names=names,
        snr_db=snr_db,
        noise=as_int16(noise),
        sample_rate_hz=synthesizer.sample_rate_hz,
    )


def random_speech(synthesizer, text, voices, rng):
    """Speaks a text in a random voice; returns speech with peak 1, and the voice."""
    s, voice = SETTINGS, str(rng.choice(voices))
    speech = synthesizer.say(
        text,
        voice,
        rate=rng.integers(s.lowest_rate, s.highest_rate + 1),
        pitch=rng.integers(s.lowest_pitch, s.highest_pitch + 1),
        pitch_range=rng.integers(s.lowest_range, s.highest_range + 1),
    ).astype("float32")
    return speech / np.abs(speech).max(), voice


def _noises(synthesizer, voices, rng, bar):
    """Generates coloured noises and, every sixth, the babble of six voices."""
    samples = SETTINGS.noise_seconds * synthesizer.sample_rate_hz
    noises = []
    for number in range(SETTINGS.noises):
        if number % SETTINGS.babble_every:
            noise = coloured_noise(rng, samples, rng.uniform(0, 2))
        else:
            noise = np.zeros(samples, "float32")
            for _ in range(6):
                speech = np.zeros(0, "float32")
                while len(speech) < samples:
                    sentence, _ = random_speech(
                        synthesizer, str(rng.choice(SENTENCES)), voices, rng
                    )
                    speech = np.concatenate([speech, sentence])
                noise += speech[:samples]
            noise = level(noise)
        noises.append(noise)
        bar.add()
    return np.stack(noises)


if __name__ == "__main__":
    with report_errors():
        library = Synthesizer(made_up())
        for name in ("train", "validation", "test"):
            _make(library, name, Path(sys.argv[1], f"{name}.npz"))
