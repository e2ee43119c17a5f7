"""Reads the clips, splits and noise of each data set."""

import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.common.data.datasets import load_dataset
from apps.common.data.splits import random_rows, split_by_hash
from apps.common.portable.audio import as_float, read_audio, resample
from apps.common.portable.files import open_text
from apps.common.portable.terminal import report_once
from apps.speech_commands.audio_files import audio_files, is_hidden, report_left_out
from apps.speech_commands.recordings import fault, in_parts, recordings
from apps.speech_commands.synthesis.corpus import UNKNOWN, synthetic_split
from apps.speech_commands.synthesis.wake_word import wake_word_split

SPLITS = ("train", "validation", "test")
NOISE_FOLDER, SILENCE, NOISE_SECONDS = "_background_noise_", "_silence_", 10
TEST, VALIDATION = range(5), range(5, 10)  # recording numbers of spoken_digit


@dataclass
class Rows:
    """The clips of a split in their original lengths.

    Attributes:
        clips: Yields `(name, label, read)` of each clip; `read()` returns its waveform.
        count: Number of clips; None if unknown.
        snr_db: Evaluation noise's signal-to-noise ratio as in `Clips`; None adds none.
        noise: Noises as in `Clips`; None generates coloured noise.
    """

    clips: Iterable
    count: int | None
    snr_db: list | None = None
    noise: np.ndarray | None = None

    def at_most(self, count):
        """Returns at most `count` of the clips, at random; all if `count` is None.

        Files of clips that are left out are not read; a prepared data set is.

        All are returned, too, if their number is not known.
        """
        if not count or not self.count or self.count <= count:
            return self
        chosen = random_rows(self.count, count)
        kept = np.isin(np.arange(self.count), chosen)
        snr_db = None if self.snr_db is None else np.asarray(self.snr_db)[chosen]
        return Rows(itertools.compress(self.clips, kept), count, snr_db, self.noise)


def _synthetic(config, split):
    clips, snr_db, noise = synthetic_split(split, config.sample_rate_hz)
    return Rows(clips, len(snr_db), snr_db, noise)


def _spoken_digit(config, split):
    """Reads the Free Spoken Digit Dataset.

    The test split is the official one, recordings 0 to 4, or one speaker. The
    validation split is recordings 5 to 9 of the training speakers, or one speaker.
    """
    dataset = load_dataset("spoken_digit", "train")
    test_speaker = config.held_out_speaker
    validation_speaker = config.validation_speaker

    def clips():
        speakers = set()
        for example in dataset.as_numpy_iterator():
            name = example["audio/filename"].decode()
            digit, speaker, number = name.removesuffix(".wav").split("_")
            speakers.add(speaker)
            is_test = int(number) in TEST
            if test_speaker:
                is_test = speaker == test_speaker
            is_validation = int(number) in VALIDATION
            if validation_speaker:
                is_validation = speaker == validation_speaker
            other_split = "validation" if is_validation else "train"
            if split == ("test" if is_test else other_split):
                wave = as_float(example["audio"].astype("int16"))
                rate = config.sample_rate_hz
                yield name, digit, functools.partial(resample, wave, 8000, rate)
        for name in ("held_out_speaker", "validation_speaker"):
            if (speaker := getattr(config, name)) and speaker not in speakers:
                raise ValueError(
                    f"data.{name}: expected one of {', '.join(sorted(speakers))}. "
                    f"Received: {speaker!r}."
                )

    return Rows(clips(), None)


def _speech_commands(config, split):
    """Reads Google's Speech Commands; `names` is in the class order of TFDS."""
    dataset = load_dataset("speech_commands", split)
    names = [
        *("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes"),
        *(SILENCE, UNKNOWN),
    ]

    def clips():
        for number, example in enumerate(dataset.as_numpy_iterator()):
            wave = as_float(example["audio"].astype("int16"))
            read = functools.partial(resample, wave, 16000, config.sample_rate_hz)
            yield f"{split} {number}", names[example["label"]], read

    return Rows(clips(), int(dataset.cardinality()))


def _folder(config, split):
    """Reads a folder per word, in the layout of Speech Commands or without lists.

    Folders whose names begin with an underscore are no words. What is left out is
    listed, unless it is hidden.
    """
    root = Path(config.directory)
    if not config.directory or not root.is_dir():
        raise ValueError(
            "data.directory: expected a folder that holds a folder of audio files "
            f"for each word. Received: {config.directory!r}."
        )
    words = [path for path in root.iterdir() if path.is_dir() and path.name[0] != "_"]
    words = [path for path in words if not is_hidden(path)]
    entries = {path: sorted(path.iterdir()) for path in sorted(words)}
    files, others = audio_files(itertools.chain(*entries.values()))
    if not files:
        raise ValueError(
            f"{root}: expected a folder of audio files for each word, such as "
            f"{root / 'yes' / 'anna_1.wav'}. Received: none."
        )
    if split == "train":
        known = {*words, root / NOISE_FOLDER, *_lists(root).values()}
        others += [path for path in root.iterdir() if path not in known]
        others += [path for path in words if all(map(is_hidden, entries[path]))]
        report_left_out(root, others, "audio files in the folder of a word")
    splits = _split_of_files(root, files)
    chosen = [path for path in files if splits[path] == split]
    labels = {path.parent.name for path in files}
    rate = config.sample_rate_hz
    samples = rate * config.clip_ms // 1000
    length = max(NOISE_SECONDS * rate, samples)
    noise = _background_noise(root / NOISE_FOLDER, split, rate, length)
    silences = 0 if noise is None else len(chosen) // len(labels)  # as of a word

    def clips():
        for path in chosen:
            read = functools.partial(read_audio, path, rate)
            yield _name(path), path.parent.name, read
        rng = np.random.default_rng(SPLITS.index(split))
        for number in range(silences):
            row = noise[rng.integers(len(noise))]
            start = rng.integers(len(row) - samples + 1)
            yield f"{SILENCE}/{number}", SILENCE, row[start : start + samples].copy

    return Rows(clips(), len(chosen) + silences, noise=noise)


def _wake_word(config, split):
    """Reads recordings of one word, and the clips that eSpeak NG makes.

    Every fifth recording is for test, the others are for training; of fewer than five
    all are. Validation has generated voices alone. In training each recording is
    repeated so that they are as many as the clips of the word by generated voices, and
    with its parts in another order it is no word.
    """
    if not config.word.strip():
        raise ValueError('data.word: expected the word, such as data.word="hey lucy".')
    seconds, rate = config.clip_ms / 1000, config.sample_rate_hz
    made, snr_db, noise = wake_word_split(
        split, config.word, config.language, seconds, rate
    )
    made, clips = list(made), []
    own = recordings(config.directory, split)
    repeats = 1
    if own and split == "train":
        voices = sum(label == config.word for _, label, _ in made)
        repeats = max(1, round(voices / len(own)))
    for path in own:
        read = functools.partial(read_audio, path, rate)
        if found := fault(read(), rate):
            report_once(f"{path}: {found}. It is used as it is.")
        clips += repeats * [(path.name, config.word, read)]
        if split == "train":
            name = f"{path.name} in parts"
            clips += [
                (name, UNKNOWN, functools.partial(in_parts, read, n, rate))
                for n in range(repeats)
            ]
    ratios = np.concatenate([np.full(len(clips), np.inf), snr_db])
    return Rows([*clips, *made], len(ratios), ratios, noise)


def _name(path):
    return f"{path.parent.name}/{path.name}"


def _split_of_files(root, files):
    """Returns each file's split: from the two lists, or by a hash of its speaker.

    The speaker is the part of a file's name before the first underscore.
    """
    lists, splits = _lists(root), {}
    if not any(path.exists() for path in lists.values()):
        return {path: split_by_hash(path.stem.partition("_")[0]) for path in files}
    known = set(files)
    for split, path in lists.items():
        if not path.exists():
            raise ValueError(
                f"{path}: missing, but the other list exists. Give both lists, or none "
                "to split by speaker."
            )
        with open_text(path) as text:
            lines = text.read().splitlines()
        for number, line in enumerate(lines, 1):
            file = root / line.strip()
            if not line.strip():
                continue
            if file not in known:
                raise ValueError(
                    f"{path}:{number}: no such file: {line.strip()!r}. Expected a line "
                    f"such as {_name(files[0])}."
                )
            if splits.setdefault(file, split) != split:
                raise ValueError(
                    f"{path}:{number}: {line.strip()} is on both lists. Remove it from "
                    "one."
                )
    return {path: splits.get(path, "train") for path in files}


def _lists(root):
    """Returns the paths of the two lists of files, by the split that they list."""
    names = {"validation": "validation_list.txt", "test": "testing_list.txt"}
    return {split: root / name for split, name in names.items()}


def _background_noise(folder, split, sample_rate_hz, length):
    """Returns a split's part of each noise file; None without a noise folder."""
    if not folder.is_dir():
        return None
    files, others = audio_files(sorted(folder.iterdir()))
    if split == "train":
        report_left_out(folder, others)
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
    "wake_word": _wake_word,
}
