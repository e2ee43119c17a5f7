"""Prints the words detected in a recording, and the real-time factor."""

import argparse
import time

import numpy as np

from apps.common.portable.audio import audio_blocks
from apps.common.portable.detector import THRESHOLD
from apps.common.portable.terminal import report_errors
from apps.speech_commands.predict import Predictor
from apps.speech_commands.streaming.stream import Stream

DEFAULT_RUN = "runs/speech_commands/synthetic/seed-1"
CHUNK_MS = 100.0


def listen(directory, path, chunk_ms=CHUNK_MS, threshold=THRESHOLD):
    """Detects words in a recording, chunk by chunk, and prints each as it comes.

    Then prints the real-time factor.

    Args:
        directory: Run directory of a model that streams.
        path: Path of an audio file.
        chunk_ms: Length of a chunk in milliseconds.
        threshold: Smoothed posterior at which a word is detected, 0 to 1.

    Returns:
        The list of `Detection`, and the real-time factor: seconds of computation per
        second of audio.

    Raises:
        ValueError: If the file cannot be read, or the model needs whole clips.
    """
    for name, value, most in (("chunk-ms", chunk_ms, 1e6), ("threshold", threshold, 1)):
        if not 0 < value <= most:
            raise ValueError(
                f"--{name}: expected a number above 0, at most {most:g}. "
                f"Received: {value:g}."
            )
    predictor = Predictor.load(directory)
    labels, front_end = predictor.labels, predictor.front_end
    rate = front_end.sample_rate_hz
    chunk = max(1, round(chunk_ms / 1000 * rate))
    function = predictor.stream
    Stream(function, front_end, labels).feed(np.zeros(chunk + front_end.hop, "float32"))
    stream = Stream(function, front_end, labels, threshold)
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
        f"factor {factor:.3f} with chunks of {chunk_ms:g} ms. Time per chunk: median "
        f"{1000 * np.median(seconds):.1f} ms, maximum {1000 * max(seconds):.1f} ms."
    )
    return detections, factor


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
        help="run directory of a model that streams (%(default)s)",
    )
    parser.add_argument(
        "--chunk-ms",
        type=float,
        default=CHUNK_MS,
        help="length of a chunk in milliseconds (%(default)s)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        help="score at which a word is detected, 0 to 1 (%(default)s)",
    )
    options = parser.parse_args()
    with report_errors():
        listen(options.run, options.file, options.chunk_ms, options.threshold)


if __name__ == "__main__":
    main()
