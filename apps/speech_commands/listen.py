"""Prints the words detected in a recording, and the real-time factor."""

import argparse
import time

import numpy as np

from apps.common.portable.audio import audio_blocks
from apps.common.portable.litert import (
    DYNAMIC,
    FLOAT,
    INT8,
    file_stem,
    litert_directory,
    read_description,
)
from apps.common.portable.terminal import report_errors
from apps.speech_commands.streaming.device import APP, DEFAULT_RUN, device_stream
from apps.speech_commands.streaming.session import Stream

TENSORFLOW, LITERT = "tensorflow", "litert"  # engines
CHUNK_MS = 100.0  # TensorFlow's; a call of LiteRT costs little


def listen(
    directory,
    path,
    chunk_ms=None,
    threshold=None,
    engine=TENSORFLOW,
    quantization=None,
):
    """Detects words in a recording, chunk by chunk, and prints each as it comes.

    Then prints the real-time factor.

    Args:
        directory: Run directory of a model that streams; with LiteRT also a `litert/`
            directory.
        path: Path of an audio file.
        chunk_ms: Length of a chunk in milliseconds; by default 100, with LiteRT a hop.
        threshold: Smoothed posterior at which a word is detected, 0 to 1; by default
            that of the run, with LiteRT that of the export.
        engine: "tensorflow", or "litert", which imports no TensorFlow.
        quantization: Which LiteRT file: "float", "dynamic" or "int8"; by default
            "dynamic" if the export has it, else "float".

    Returns:
        The list of `Detection`, and the real-time factor: seconds of computation per
        second of audio.

    Raises:
        ValueError: If the file cannot be read, or the model needs whole clips.
    """
    settings = {"chunk-ms": (chunk_ms, 1e6), "threshold": (threshold, 1)}
    for name, (value, most) in settings.items():
        if value is not None and not 0 < value <= most:
            raise ValueError(
                f"--{name}: expected a number above 0, at most {most:g}. "
                f"Received: {value:g}."
            )
    if engine == LITERT:
        new_stream = _litert(directory, quantization, threshold)
    else:
        if quantization:
            raise ValueError("--quantization: goes with --engine litert.")
        new_stream = _tensorflow(directory, threshold)
        chunk_ms = chunk_ms or CHUNK_MS
    stream = new_stream()
    rate = stream.sample_rate_hz
    chunk = max(1, round(chunk_ms / 1000 * rate)) if chunk_ms else stream.hop
    stream.feed(np.zeros(chunk + stream.hop, "float32"))  # traces a graph
    stream = new_stream()
    detections, seconds, samples = [], [], 0
    for waveform in _chunks(audio_blocks(path, rate), chunk):
        began = time.perf_counter()
        _, new = stream.feed(waveform)
        seconds.append(time.perf_counter() - began)
        samples += len(waveform)
        for one in new:
            print(f"{one.time_s:9.2f} s  {one.word:<12} {one.score:.2f}", flush=True)
        detections += new
    if not samples:
        raise ValueError(f"{path}: expected audio. Received: a file without a sample.")
    factor = sum(seconds) / (samples / rate)
    print(
        f"{len(detections)} words in {samples / rate:.1f} s of audio. Real-time "
        f"factor {factor:.3f} with chunks of {1000 * chunk / rate:g} ms. Time per "
        f"chunk: median {1000 * np.median(seconds):.2f} ms, maximum "
        f"{1000 * max(seconds):.1f} ms."
    )
    return detections, factor


def _tensorflow(directory, threshold):
    """Returns a function that begins a stream of a run."""
    from apps.speech_commands.predict import Predictor

    predictor = Predictor.load(directory)
    parts = predictor.stream, predictor.front_end, predictor.labels
    given = {} if threshold is None else {"threshold": threshold}
    return lambda: Stream(*parts, **{**predictor.detection, **given})


def _litert(directory, quantization, threshold):
    """Returns a function that begins a stream of a LiteRT file."""
    directory = litert_directory(directory)
    names = [file_stem("stream", q) for q in (DYNAMIC, FLOAT)]
    if quantization:
        names = [file_stem("stream", quantization)]
    graphs = read_description(directory, APP)["graphs"]
    for name in names:
        if name in graphs:
            return lambda: device_stream(directory, name, threshold)
    raise ValueError(
        f"{directory}: expected the file {names[-1]}.tflite. Received: "
        f"{', '.join(sorted(graphs))}. A model streams with model.direction=forward; "
        "an export has int8 files if it can read the training data."
    )


def _chunks(blocks, size):
    """Cuts blocks of any size into chunks of `size` samples; the last is shorter."""
    rest = np.zeros(0, "float32")
    for block in blocks:
        rest = np.concatenate([rest, block])
        whole = len(rest) // size * size
        yield from np.split(rest[:whole], range(size, whole, size)) if whole else ()
        rest = rest[whole:]
    if len(rest):
        yield rest


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="path of an audio file of any sample rate")
    parser.add_argument(
        "--run",
        default=DEFAULT_RUN,
        help="run directory of a model that streams, with litert also a copy of its "
        "directory litert/ (%(default)s)",
    )
    parser.add_argument(
        "--chunk-ms",
        type=float,
        help=f"length of a chunk in milliseconds ({CHUNK_MS:g}; with litert one hop)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        help="score at which a word is detected, 0 to 1 (that of the run)",
    )
    parser.add_argument(
        "--engine",
        choices=[TENSORFLOW, LITERT],
        default=TENSORFLOW,
        help="what computes (%(default)s)",
    )
    parser.add_argument(
        "--quantization",
        choices=[FLOAT, DYNAMIC, INT8],
        help="litert: which file of the export (dynamic if there is one, else float)",
    )
    options = parser.parse_args()
    with report_errors():
        listen(
            options.run,
            options.file,
            options.chunk_ms,
            options.threshold,
            options.engine,
            options.quantization,
        )


if __name__ == "__main__":
    main()
