"""Records a word several times with the microphone, or checks recordings of it."""

import argparse
import re
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

from apps.common.portable.audio import read_audio
from apps.common.portable.files import atomic_write
from apps.common.portable.terminal import report_errors
from apps.speech_commands.audio_files import audio_files
from apps.speech_commands.recordings import RATE_HZ, fault, faults, frames_of_speech

SECONDS, COUNT = 2.0, 10
COUNT_DOWN = 3


def check(directory):
    """Checks the recordings of a folder; prints each fault.

    Args:
        directory: Path of a folder of audio files of one word.

    Returns:
        The number of recordings with a fault.

    Raises:
        ValueError: If there is no recording, or one cannot be read.
    """
    paths = existing(directory)
    if not paths:
        raise ValueError(
            f"{directory}: expected a folder of recordings, such as lucy_01.wav. "
            "Received: none."
        )
    found = faults([read_audio(path, RATE_HZ) for path in paths], RATE_HZ)
    for path, one in zip(paths, found, strict=True):
        if one:
            print(f"{path.name}: {one}")
    count = sum(map(bool, found))
    print(f"{len(paths)} recordings, {count} with a fault.")
    return count


def record(directory, word, count, microphone, ask=input):
    """Records a word until a folder has so many recordings of it.

    Each is checked; one with a fault is recorded again, unless the user keeps it.

    Args:
        directory: Path of the folder, which is made; files in it are kept and count.
        word: The word, which names the files.
        count: Number of recordings.
        microphone: A function from a number of samples to a recording at `RATE_HZ`.
        ask: A function from a question to the answer.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = existing(directory)
    known = [frames_of_speech(read_audio(path, RATE_HZ), RATE_HZ) for path in paths]
    if paths:
        print(f"{directory} has {len(paths)} recordings; they are kept.")
    while len(known) < count:
        _count_down(len(known) + 1, count, word)
        waveform = microphone(round(SECONDS * RATE_HZ))
        found = fault(waveform, RATE_HZ, known)
        if found and ask(f"{found} Keep it? [y/N] ").strip().lower() != "y":
            continue
        path = _next_path(directory, word)
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            soundfile.write(file, waveform, RATE_HZ, format="WAV", subtype="PCM_16")
        known.append(frames_of_speech(waveform, RATE_HZ))
        print(f"{path}")
    print(f"{len(known)} recordings in {directory}.")


def existing(directory):
    """Returns the paths of the audio files of a folder, sorted; none if it is none."""
    return audio_files(sorted(directory.iterdir()))[0] if directory.is_dir() else []


def _count_down(number, count, word):
    for second in range(COUNT_DOWN, 0, -1):
        print(f"\r{number} of {count}: say '{word}' in {second} ", end="", flush=True)
        time.sleep(1)
    print(f"\r{number} of {count}: say '{word}' now  ", flush=True)


def _next_path(directory, word):
    """Returns the first path of a file that does not exist."""
    stem = re.sub(r"\W+", "_", word.lower()).strip("_")
    number = 1
    while (path := directory / f"{stem}_{number:02}.wav").exists():
        number += 1
    return path


def _microphone():
    """Returns the function that records with the default microphone.

    Raises:
        ValueError: If there is no microphone, or no library to use it.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the system has no PortAudio
        raise ValueError(
            f"Recording needs sounddevice and PortAudio ({error}). Install them (pip "
            "install sounddevice==0.5.6; Debian: apt install libportaudio2), or record "
            "with any other program and check the files with --check."
        ) from None
    try:
        sounddevice.check_input_settings(channels=1, samplerate=RATE_HZ)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise ValueError(
            f"There is no microphone that records ({error}). Plug one in and allow its "
            "use, or record elsewhere and check the files with --check."
        ) from None

    def microphone(samples):
        recording = sounddevice.rec(samples, RATE_HZ, 1, "float32", blocking=True)
        return np.asarray(recording)[:, 0]

    return microphone


def main(arguments=None):
    """Runs the command line; exits with 1 if a checked recording has a fault."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.speech_commands.record", description=__doc__
    )
    parser.add_argument("directory", type=Path, help="folder of the recordings")
    parser.add_argument("--word", help="what to say, such as 'hey lucy'")
    parser.add_argument(
        "--count", type=int, default=COUNT, help="number of recordings (%(default)s)"
    )
    parser.add_argument(
        "--check", action="store_true", help="only check the files of the folder"
    )
    options = parser.parse_args(arguments)
    with report_errors():
        if options.check:
            sys.exit(bool(check(options.directory)))
        if not (options.word and re.search(r"\w", options.word)):
            raise ValueError('--word: expected the word to say, such as "hey lucy".')
        if options.count < 1:
            raise ValueError(f"--count: expected 1 or more. Received: {options.count}.")
        record(options.directory, options.word, options.count, _microphone())


if __name__ == "__main__":
    main()
