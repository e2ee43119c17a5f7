"""The corpus of spoken command words: what eSpeak NG says, and where it is kept."""

from apps.speech_commands.synthesis.clips import (
    SILENCE,
    Spoken,
    clips_directory,
    make_clips,
    read_split,
)

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
OTHER_WORDS = (
    *("bed", "bird", "cat", "dog", "happy", "house", "tree", "wow", "zero", "one"),
    *("two", "three", "four", "five", "six", "seven", "eight", "nine", "learn"),
    *("visual", "follow", "forward", "backward", "water", "music", "window", "yellow"),
    *("garden", "paper", "summer"),
)
UNKNOWN = "_unknown_"


def commands():
    """Returns the `Spoken` of the corpus."""
    words = {word: (word,) for word in WORDS}
    return Spoken({**words, UNKNOWN: OTHER_WORDS, SILENCE: ()})


def cached_at():
    """Returns the corpus's cache folder; its name is a hash of the settings."""
    return clips_directory("synthetic_speech", commands())


def synthetic_split(split, sample_rate_hz):
    """Reads a split from the cache; the first call generates all three splits.

    Args:
        split: "train", "validation" or "test".
        sample_rate_hz: Sample rate of the result in Hz.

    Returns:
        What `read_split` returns.

    Raises:
        ValueError: If eSpeak NG cannot be downloaded, there is none for this platform,
            or the cache is damaged.
    """
    if not cached_at().is_dir():
        make_clips(cached_at(), commands())
    return read_split(cached_at(), split, sample_rate_hz)
