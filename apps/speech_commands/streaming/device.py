"""Detects words in a stream with a LiteRT file; needs no TensorFlow."""

from apps.common.portable.detector import DETECTION
from apps.common.portable.litert import load_network, read_description, read_labels
from apps.common.portable.log_mel import LogMel
from apps.common.portable.stream import ChunkModel
from apps.speech_commands.streaming.session import Stream

DEFAULT_RUN = "runs/speech_commands/synthetic/seed-1"


def front_end_of(settings):
    """Returns the `LogMel` of the settings in `model.json`."""
    names = ("sample_rate_hz", "window_ms", "hop_ms", "mel_bands")
    return LogMel(*(settings[name] for name in names))


def device_stream(directory, name, threshold=None):
    """Returns a `Stream` of a model in a `litert/` directory.

    Args:
        directory: A `litert/` directory of this app.
        name: Key of the graph in `model.json`: "stream", or one in int8.
        threshold: Smoothed posterior at which a word is detected; by default that of
            the export.

    Raises:
        ValueError: If the directory has no such file.
    """
    network, labels = load_network(directory, name), read_labels(directory)
    settings = read_description(directory)["settings"]
    front_end = front_end_of(settings)
    pooled = settings["pooling"] == "max"
    chunks = ChunkModel(
        lambda frames, states: (network(frames), states),  # it keeps its states itself
        front_end,
        states={},
        frames=front_end.frames(settings["clip_ms"]) if pooled else 0,
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
