"""Where clips come from: each data set's words, speakers, splits and noise."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.common.data.datasets import load_dataset
from apps.common.data.splits import split_by_hash
from apps.common.portable.audio import as_float, read_audio, resample
from apps.speech_commands.synthesis.corpus import synthetic_split

SPLITS = ("train", "validation", "test")
NOISE_FOLDER, SILENCE, NOISE_SECONDS = "_background_noise_", "_silence_", 10
TEST, VALIDATION = range(5), range(5, 10)  # numbers of recordings of digits


@dataclass
class Rows:
    """A split before it is brought to one length.

    Attributes:
        clips: Yields `(name, label, waveform)` of each clip, one by one.
        count: How many there are, or None.
        snr_db: As in `Clips`, or None for no noise.
        noise: As in `Clips`, or None for coloured noise.
    """

    clips: Iterable
    count: int | None
    snr_db: list | None = None
    noise: np.ndarray | None = None


def _synthetic(config, split):
    clips, snr_db, noise = synthetic_split(split, config.sample_rate_hz)
    return Rows(clips, len(snr_db), snr_db, noise)


def _spoken_digit(config, split):
    """Reads Free Spoken Digit: recordings 0 to 4 are the official test split.

    Validation is recordings 5 to 9 of the training speakers, in both ways to split, or
    a speaker.
    """
    dataset = load_dataset("spoken_digit", "train")
    held_out, listener = config.held_out_speaker, config.validation_speaker
    if held_out and held_out == listener:
        raise ValueError(
            "data.validation_speaker: expected another one than data.held_out_speaker. "
            f"Received: {listener!r}."
        )

    def clips():
        speakers = set()
        for example in dataset.as_numpy_iterator():
            name = example["audio/filename"].decode()
            digit, speaker, number = name.removesuffix(".wav").split("_")
            speakers.add(speaker)
            is_test = speaker == held_out if held_out else int(number) in TEST
            held = speaker == listener if listener else int(number) in VALIDATION
            if split == ("test" if is_test else "validation" if held else "train"):
                wave = as_float(example["audio"].astype("int16"))
                yield name, digit, resample(wave, 8000, config.sample_rate_hz)
        for name in ("held_out_speaker", "validation_speaker"):
            if (speaker := getattr(config, name)) and speaker not in speakers:
                raise ValueError(
                    f"data.{name}: expected one of {', '.join(sorted(speakers))}. "
                    f"Received: {speaker!r}."
                )

    return Rows(clips(), None)


def _speech_commands(config, split):
    """Reads the published set; its classes are in the order of tensorflow-datasets."""
    dataset = load_dataset("speech_commands", split)
    names = [
        *("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes"),
        *(SILENCE, "_unknown_"),
    ]

    def clips():
        for number, example in enumerate(dataset.as_numpy_iterator()):
            wave = as_float(example["audio"].astype("int16"))
            wave = resample(wave, 16000, config.sample_rate_hz)
            yield f"{split} {number}", names[example["label"]], wave

    return Rows(clips(), int(dataset.cardinality()))


def _folder(config, split):
    """Reads a folder of folders, in Google's layout or a simpler one."""
    root = Path(config.directory)
    if not config.directory or not root.is_dir():
        raise ValueError(
            "data.directory: expected a folder that holds a folder of WAV files for "
            f"each word. Received: {config.directory!r}."
        )
    files = sorted(
        path
        for path in root.glob("*/*")
        if path.suffix.lower() == ".wav" and path.parent.name[0] not in "._"
    )
    if not files:
        raise ValueError(
            f"{root}: expected a folder of WAV files for each word, such as "
            f"{root / 'yes' / 'anna_1.wav'}. Received: none."
        )
    chosen = _split_of_files(root, files)
    wanted = [path for path in files if chosen[path] == split]
    words = len({path.parent.name for path in files})
    rate = config.sample_rate_hz
    samples = rate * config.clip_ms // 1000
    length = max(NOISE_SECONDS * rate, samples)
    noise = _background_noise(root / NOISE_FOLDER, split, rate, length)
    pauses = 0 if noise is None else len(wanted) // words  # as many as of a word

    def clips():
        for path in wanted:
            yield _name(path), path.parent.name, read_audio(path, rate)
        rng = np.random.default_rng(SPLITS.index(split))
        for number in range(pauses):
            row = noise[rng.integers(len(noise))]
            start = rng.integers(len(row) - samples + 1)
            yield f"{SILENCE}/{number}", SILENCE, row[start : start + samples]

    return Rows(clips(), len(wanted) + pauses, noise=noise)


def _name(path):
    return f"{path.parent.name}/{path.name}"


def _split_of_files(root, files):
    """Returns each file's split: by the lists, or by the hash of its speaker.

    A file's speaker is its name up to the first underscore.
    """
    lists = {
        "validation": root / "validation_list.txt",
        "test": root / "testing_list.txt",
    }
    splits = {}
    if not any(path.exists() for path in lists.values()):
        return {path: split_by_hash(path.stem.partition("_")[0]) for path in files}
    known = set(files)
    for split, path in lists.items():
        if not path.exists():
            raise ValueError(
                f"{path}: missing, though the other list is there. Give both lists, or "
                "none to split by speaker."
            )
        for number, line in enumerate(path.read_text().splitlines(), 1):
            file = root / line.strip()
            if not line.strip():
                continue
            if file not in known:
                raise ValueError(
                    f"{path}:{number}: names {line.strip()!r}, and there is no such "
                    f"file. Expected a line such as {_name(files[0])}."
                )
            if splits.setdefault(file, split) != split:
                raise ValueError(f"{path}:{number}: {line.strip()} is on both lists.")
    return {path: splits.get(path, "train") for path in files}


def _background_noise(folder, split, sample_rate_hz, length):
    """Returns a split's stretch of each noise file, or None if there is no folder."""
    files = sorted(folder.glob("*.wav")) if folder.is_dir() else []
    if not files:
        return None
    begin, end = {"train": (0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1)}[split]
    rows = []
    for path in files:
        wave = read_audio(path, sample_rate_hz)
        wave = wave[int(begin * len(wave)) : int(end * len(wave))]
        wave = np.resize(wave, -(-len(wave) // length) * length)  # repeats it
        rows += list(wave.reshape(-1, length))
    return np.stack(rows)


DATASETS = {
    "synthetic": _synthetic,
    "spoken_digit": _spoken_digit,
    "speech_commands": _speech_commands,
    "folder": _folder,
}
