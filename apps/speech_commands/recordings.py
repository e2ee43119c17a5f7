"""Recordings of one word: what is wrong with them, who is tested, and their parts."""

from pathlib import Path

import numpy as np

from apps.common.portable.audio import resample
from apps.common.portable.log_mel import LogMel
from apps.speech_commands.audio_files import audio_files, report_left_out

RATE_HZ = 16000
PART = RATE_HZ // 100  # 10 ms, in which levels are measured
QUIETEST_DB = -40.0  # of the loudest part
FEWEST_CLIPPED, FULL_SCALE = 3, 0.999  # samples in a row
SPEECH_DB = 30.0  # below the loudest part
SHORTEST_S, EDGE_S = 0.15, 0.02
SMALLEST_RANGE_DB = 12.0  # from the quietest tenth to the loudest part
MOST_DISTANCE, FEWEST_OTHERS = 1.5, 4
EVERY = 5  # the last of so many is for test


def recordings(directory, split):
    """Returns the paths of the recordings of a split: every fifth is for test.

    The others are for training, none is for validation.

    Args:
        directory: Path of the folder; empty gives none.
        split: "train", "validation" or "test".

    Raises:
        ValueError: If there is no folder, or no audio file in it.
    """
    if not directory:
        return []
    root = Path(directory)
    if not root.is_dir():
        raise ValueError(
            "data.directory: expected a folder of recordings of the word, or nothing. "
            f"Received: {directory!r}."
        )
    files, others = audio_files(sorted(root.iterdir()))
    if not files:
        raise ValueError(
            f"{root}: expected audio files, such as lucy_01.wav. Received: none."
        )
    if split == "train":
        report_left_out(root, others)
    test = files[EVERY - 1 :: EVERY]
    return {"test": test, "train": [f for f in files if f not in test]}.get(split, [])


def fault(waveform, sample_rate_hz, others=()):
    """Returns what is wrong with a recording, in a clause, or None.

    Args:
        waveform: Samples between -1 and 1, `(samples,)`.
        sample_rate_hz: Sample rate in Hz.
        others: What `frames_of_speech` returns for other recordings of the word by the
            same speaker; of fewer than four none is compared.
    """
    if np.any(_run_lengths(np.abs(waveform) >= FULL_SCALE) >= FEWEST_CLIPPED):
        return "clipped: speak less loudly, or lower the microphone's level"
    waveform = resample(waveform, sample_rate_hz, RATE_HZ)
    levels = _levels_db(waveform)
    loudest = levels.max()
    if loudest < QUIETEST_DB:
        return (
            f"too quiet ({loudest:.0f} dB, expected at least {QUIETEST_DB:.0f} dB): "
            "come closer, or raise the microphone's level"
        )
    height = loudest - np.percentile(levels, 10)
    if height < SMALLEST_RANGE_DB:
        return (
            f"no word stands out (by {height:.0f} dB, expected at least "
            f"{SMALLEST_RANGE_DB:.0f} dB): record where it is quieter"
        )
    first, last = _speech(levels)
    seconds = (last - first) * PART / RATE_HZ
    if seconds < SHORTEST_S:
        return (
            f"too short ({1000 * seconds:.0f} ms of sound, expected at least "
            f"{1000 * SHORTEST_S:.0f} ms): a click?"
        )
    edge = round(EDGE_S * RATE_HZ / PART)
    if height >= SPEECH_DB and (first < edge or last > len(levels) - edge):
        return "cut off: leave a moment of silence before and after the word"
    if len(others) >= FEWEST_OTHERS:
        ratio = unlikeness(frames_of_speech(waveform, RATE_HZ), others)
        if ratio > MOST_DISTANCE:
            return (
                f"unlike the others ({ratio:.1f} times as far from them as they are "
                "from each other): another word?"
            )
    return None


def faults(waveforms, sample_rate_hz):
    """Returns the fault of each recording, or None, compared with all others."""
    frames = [frames_of_speech(waveform, sample_rate_hz) for waveform in waveforms]
    return [
        fault(waveform, sample_rate_hz, [*frames[:n], *frames[n + 1 :]])
        for n, waveform in enumerate(waveforms)
    ]


def frames_of_speech(waveform, sample_rate_hz):
    """Returns log-mel frames of a recording's speech, each band with the mean 0."""
    waveform = resample(waveform, sample_rate_hz, RATE_HZ)
    first, last = bounds_of_speech(waveform, RATE_HZ)
    speech = waveform[first:last]
    speech = speech / max(np.abs(speech).max(), 1e-6)
    frames = LogMel(RATE_HZ, window_ms=40.0, hop_ms=20.0, mel_bands=40)(speech[None])[0]
    frames = np.maximum(frames, frames.max(initial=0) - 12)
    return frames - frames.mean(axis=0)


def bounds_of_speech(waveform, sample_rate_hz):
    """Returns the first sample of a recording's speech, and the one after its last.

    Speech is what lies between parts of 10 ms at most 30 dB below the loudest.
    """
    part = sample_rate_hz // 100
    first, last = _speech(_levels_db(waveform, part))
    return first * part, min(last * part, len(waveform))


def in_parts(read, number, sample_rate_hz):
    """Returns a recording whose speech is cut into parts, so that it is no word.

    In turn one half is silent, two to four parts stand in reverse order, or each of
    them is played backwards. So the sound of a voice and of a microphone is no sign of
    the word.

    Args:
        read: Returns the recording, float32 `(samples,)`.
        number: Number of the result.
        sample_rate_hz: Its sample rate in Hz.
    """
    wave = read()
    rng = np.random.default_rng(number)
    first, last = bounds_of_speech(wave, sample_rate_hz)
    way = number % 3
    parts = np.array_split(wave[first:last], rng.integers(2, 5) if way else 2)
    if way == 0:
        parts[rng.integers(2)] *= 0.0
    elif way == 1:
        parts = parts[::-1]
    else:
        parts = [part[::-1] for part in parts]
    return np.concatenate([wave[:first], *parts, wave[last:]])


def unlikeness(frames, others):
    """Returns how far a recording is from others, as a multiple of their own distance.

    It is the distance to the nearest of them, divided by the median distance from each
    of them to its nearest.

    Args:
        frames: What `frames_of_speech` returns.
        others: The same of at least two other recordings.
    """
    own = [
        min(distance(one, two) for m, two in enumerate(others) if m != n)
        for n, one in enumerate(others)
    ]
    return min(distance(frames, one) for one in others) / max(np.median(own), 1e-6)


def distance(one, two):
    """Returns the distance of two sequences by dynamic time warping.

    It is the mean Euclidean distance of frames along the best path (Sakoe and Chiba
    1978), whose steps advance one sequence or both.

    Args:
        one: `(frames, bands)`.
        two: `(frames, bands)`.
    """
    squares = np.square(one).sum(axis=1)[:, None] + np.square(two).sum(axis=1)
    costs = np.sqrt(np.maximum(squares - 2 * one @ two.T, 0))
    above = [0.0] + [np.inf] * len(two)  # of the cheapest paths to each place
    for row in costs.tolist():
        here = [np.inf]
        for place, cost in enumerate(row):
            here.append(cost + min(above[place], above[place + 1], here[place]))
        above = here
    return above[-1] / (len(one) + len(two))


def _levels_db(waveform, part=PART):
    """Returns the root mean square of each part in dB, 0 dB being full scale."""
    whole = max(len(waveform) // part, 1) * part
    parts = np.resize(waveform, whole).reshape(-1, part)
    return 10 * np.log10(np.mean(np.square(parts), axis=1) + 1e-10)


def _speech(levels):
    """Returns the first part of the speech, and the one after its last."""
    loud = np.flatnonzero(levels >= levels.max() - SPEECH_DB)
    return int(loud[0]), int(loud[-1]) + 1


def _run_lengths(flags):
    """Returns the length of each run of flags that are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return edges[1::2] - edges[::2]
