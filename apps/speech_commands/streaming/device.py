"""Detects words in a stream with a LiteRT file; needs no TensorFlow."""

from pathlib import Path
from typing import NamedTuple

from apps.common.portable.description import AGAIN, entry
from apps.common.portable.detector import DETECTION
from apps.common.portable.litert import load_network, read_description, read_labels
from apps.common.portable.log_mel import LogMel
from apps.common.portable.run_files import LABELS
from apps.common.portable.stream import ChunkModel
from apps.common.portable.versions import LITERT
from apps.speech_commands.streaming.session import Stream

APP = "speech_commands"
DEFAULT_RUN = "runs/speech_commands/synthetic/seed-1"
SETTINGS = {
    **dict.fromkeys(("sample_rate_hz", "clip_ms", "mel_bands"), int),
    **dict.fromkeys(("window_ms", "hop_ms", *DETECTION), float),
    "pooling": str,
}


class SoundModel(NamedTuple):
    """What comes before and after the network.

    Attributes:
        front_end: A `LogMel`.
        clip_frames: Number of frames of a clip.
        labels: Names of the labels.
        settings: The entries of `SETTINGS`.
    """

    front_end: LogMel
    clip_frames: int
    labels: list
    settings: dict


def read_sound_model(directory):
    """Reads the `SoundModel` of a `litert/` directory.

    Raises:
        ValueError: If it is of another app, damaged, or lacks an entry.
    """
    path = Path(directory, LITERT.name)
    content = read_description(directory, APP)["settings"]
    settings = {
        name: entry(content, name, kind, f"{path}: settings")
        for name, kind in SETTINGS.items()
    }
    labels = read_labels(directory)
    if labels is None:
        raise ValueError(f"{path}: files: {LABELS}: the entry is missing. {AGAIN}")
    names = ("sample_rate_hz", "window_ms", "hop_ms", "mel_bands")
    front_end = LogMel(*(settings[name] for name in names))
    return SoundModel(
        front_end, front_end.frames(settings["clip_ms"]), labels, settings
    )


def device_stream(directory, name, threshold=None):
    """Returns a `Stream` of a model in a `litert/` directory.

    Args:
        directory: A `litert/` directory of this app.
        name: Key of the graph in `model.json`: "stream", or one in int8.
        threshold: Smoothed posterior at which a word is detected; by default that of
            the export.

    Raises:
        ValueError: If the directory has no such file, is of another app, or is damaged.
    """
    front_end, clip_frames, labels, settings = read_sound_model(directory)
    network = load_network(directory, name)
    chunks = ChunkModel(
        lambda frames, states: (network(frames), states),  # it keeps its states itself
        front_end,
        states={},
        frames=clip_frames if settings["pooling"] == "max" else 0,
        labels=labels,
        detection={name: settings[name] for name in DETECTION},
    )

    def listen(samples, *carried):
        return chunks(samples, **dict(zip(chunks.carry, carried, strict=True)))

    return Stream(
        listen,
        front_end,
        labels,
        settings["threshold"] if threshold is None else threshold,
        settings["smoothing_ms"],
        settings["pause_ms"],
        chunks.carry,
    )
