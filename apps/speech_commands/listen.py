"""Prints the words heard in a long recording, and how fast the model listens."""

import argparse
import sys
import time

import keras
import numpy as np

from apps.common.terminal import clear_errors
from apps.speech_commands.audio import read_audio
from apps.speech_commands.evaluate import load_run
from apps.speech_commands.stream import Stream

DEFAULT_RUN = "runs/speech_commands/synthetic/seed-1"


def listen(directory, path, chunk_ms=100.0, threshold=0.8):
    """Prints the detections in a recording as they come, and the real-time factor.

    Args:
        directory: Run directory of a model that streams.
        path: An audio file.
        chunk_ms: Length of the chunks that the model is given, one after the other.
        threshold: Smoothed posterior from which a word is heard.

    Returns:
        The detections, and the real-time factor: seconds of work for a second of sound.

    Raises:
        ValueError: If the file cannot be read, or the model needs whole clips.
    """
    _, model, labels, front_end = load_run(directory)
    rate = front_end.sample_rate_hz
    waveform = read_audio(path, rate)
    chunk = max(1, round(chunk_ms / 1000 * rate))
    for samples in (
        chunk,
        front_end.hop,
    ):  # the first call of a function is its slowest
        Stream(model, front_end, labels).feed(np.zeros(samples, "float32"))
    stream = Stream(model, front_end, labels, threshold)
    bar = keras.utils.Progbar(
        -(-len(waveform) // chunk), unit_name="chunk", verbose=int(sys.stderr.isatty())
    )
    detections, seconds = [], []
    for start in range(0, len(waveform), chunk):
        began = time.perf_counter()
        _, found = stream.feed(waveform[start : start + chunk])
        seconds.append(time.perf_counter() - began)
        for one in found:
            print(f"{one.time_s:9.2f} s  {one.word:<12} {one.score:.2f}", flush=True)
        detections += found
        bar.add(1)
    factor = sum(seconds) / (len(waveform) / rate)
    worst = 1000 * max(seconds)
    print(
        f"{len(detections)} words in {len(waveform) / rate:.1f} s of sound. Real-time "
        f"factor {factor:.3f} with chunks of {chunk_ms:g} ms; a chunk takes "
        f"{1000 * np.median(seconds):.1f} ms, at most {worst:.1f}."
    )
    return detections, factor


def main():
    """Listens to the file given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="an audio file, such as a WAV of any rate")
    parser.add_argument(
        "--run",
        default=DEFAULT_RUN,
        help="run directory of a model that streams (%(default)s)",
    )
    parser.add_argument(
        "--chunk-ms",
        type=float,
        default=100.0,
        help="length of a chunk in milliseconds (%(default)s)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.8,
        help="score from which a word is heard, 0 to 1 (%(default)s)",
    )
    options = parser.parse_args()
    with clear_errors():
        listen(options.run, options.file, options.chunk_ms, options.threshold)


if __name__ == "__main__":
    main()
