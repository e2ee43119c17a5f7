"""Where clips come from: each data set's words, speakers, splits and noise."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.common.datasets import load_dataset
from apps.speech_commands.audio import as_float, read_audio, resample
from apps.speech_commands.synthetic import synthetic_split

SPLITS = ("train", "validation", "test")
NOISE_FOLDER, SILENCE, NOISE_SECONDS = "_background_noise_", "_silence_", 10
TEST_RECORDINGS, VALIDATION_RECORDINGS = range(5), range(5, 10)


@dataclass
class Rows:
    """A split before it is brought to one length.

    Attributes:
        clips: `(name, label, read)` of each clip; `read()` gives its waveform.
        snr_db: As in `Clips`, or None for no noise.
        noise: As in `Clips`, or None for coloured noise.
    """

    clips: list
    snr_db: list | None = None
    noise: np.ndarray | None = None


def _synthetic(config, split):
    clips, snr_db, noise = synthetic_split(split, config.sample_rate_hz)
    return Rows(clips, snr_db, noise)


def _spoken_digit(config, split):
    """Reads Free Spoken Digit: recordings 0 to 4 are the official test split.

    Validation is recordings 5 to 9 of the training speakers, in both ways to split.
    """
    rows, speakers = [], set()
    for example in load_dataset("spoken_digit", "train").as_numpy_iterator():
        name = example["audio/filename"].decode()
        digit, speaker, number = re.fullmatch(r"(\d)_(\w+)_(\d+)\.wav", name).groups()
        speakers.add(speaker)
        wave, number = example["audio"], int(number)
        if config.held_out_speaker:
            is_test = speaker == config.held_out_speaker
        else:
            is_test = number in TEST_RECORDINGS
        held = number in VALIDATION_RECORDINGS
        found = "test" if is_test else "validation" if held else "train"
        if found == split:
            rows.append((name, digit, _reader(wave, 8000, config.sample_rate_hz)))
    if config.held_out_speaker and config.held_out_speaker not in speakers:
        raise ValueError(
            f"data.held_out_speaker: expected one of {', '.join(sorted(speakers))}. "
            f"Received: {config.held_out_speaker!r}."
        )
    return Rows(rows)


def _speech_commands(config, split):
    dataset = load_dataset("speech_commands", split)
    names = [
        *("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes"),
        *("_silence_", "_unknown_"),
    ]  # in the order of tensorflow-datasets
    rows = []
    for number, example in enumerate(dataset.as_numpy_iterator()):
        read = _reader(example["audio"], 16000, config.sample_rate_hz)
        rows.append((f"{split} {number}", names[example["label"]], read))
    return Rows(rows)


def _reader(samples, rate, sample_rate_hz):
    samples = samples.astype("int16")
    return lambda: resample(as_float(samples), rate, sample_rate_hz)


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
    rate = config.sample_rate_hz
    rows = [(_name(p), p.parent.name, _file_reader(p, rate)) for p in wanted]
    noise = _background_noise(root / NOISE_FOLDER, split, rate)
    if noise is None:
        return Rows(rows)
    words = len({path.parent.name for path in files})
    samples = rate * config.clip_ms // 1000
    rng = np.random.default_rng(SPLITS.index(split))
    for number in range(len(rows) // words):  # as many as of a word
        row = noise[rng.integers(len(noise))]
        start = rng.integers(len(row) - samples + 1)
        cut = row[start : start + samples]
        rows.append((f"{SILENCE}/{number}", SILENCE, lambda cut=cut: cut))
    return Rows(rows, noise=noise)


def _name(path):
    return f"{path.parent.name}/{path.name}"


def _file_reader(path, sample_rate_hz):
    return lambda: read_audio(path, sample_rate_hz)


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
        names = {0: "test", 1: "validation"}
        for path in files:
            speaker = path.stem.partition("_")[0].encode()
            number = int(hashlib.sha1(speaker).hexdigest(), 16) % 10
            splits[path] = names.get(number, "train")
        return splits
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
            if not file.is_file():
                raise ValueError(
                    f"{path}:{number}: names {line.strip()}, and there is no such file."
                )
            splits[file] = split
    return {path: splits.get(path, "train") for path in files}


def _background_noise(folder, split, sample_rate_hz):
    """Returns a split's stretch of each noise file, or None if there is no folder."""
    files = sorted(folder.glob("*.wav")) if folder.is_dir() else []
    if not files:
        return None
    begin, end = {"train": (0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1)}[split]
    length, rows = NOISE_SECONDS * sample_rate_hz, []
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
