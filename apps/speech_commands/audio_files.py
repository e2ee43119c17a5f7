"""Lists the audio files of folders; reports what else these hold."""

import codecs
import functools
import sys

from apps.common.data.rows import Row
from apps.common.data.tables import is_table
from apps.common.portable.audio import SUFFIXES


@functools.cache  # the same files each time that they are read
def sound_rows(path):
    """Returns a row for a sound file, or for each one in a folder and its subfolders.

    Args:
        path: Path of a file or a folder.

    Returns:
        A list of `Row`; empty if the path is neither a sound file nor a folder.

    Raises:
        ValueError: If there is no sound file in the folder, or the path is a file of
            unknown bytes.
    """
    files, others = [path], []
    if path.is_dir():
        entries = sorted(entry for entry in path.rglob("*") if not entry.is_dir())
        files, others = audio_files(entries)
        report_left_out(path, others)
        if not files:
            raise ValueError(
                f"{path}: expected a folder of audio files ({', '.join(SUFFIXES)}). "
                "Received: none."
            )
    elif path.suffix.lower() not in SUFFIXES:
        if path.is_file() and not (is_table(path) or _is_text(path)):
            raise ValueError(
                f"{path}: not audio in a known format ({', '.join(SUFFIXES)}), nor a "
                "list of files in UTF-8. Convert it."
            )
        return []
    return [Row("", {"file": str(file)}, ("file",), str(file)) for file in files]


def audio_files(paths):
    """Returns the paths of audio files, by their suffix, and others but hidden ones."""
    paths = [path for path in paths if not is_hidden(path)]
    files = [path for path in paths if path.suffix.lower() in SUFFIXES]
    return files, [path for path in paths if path.suffix.lower() not in SUFFIXES]


def is_hidden(path):
    """Returns whether a file or folder is hidden by its name."""
    return path.name.startswith(".")


def _is_text(path):
    """Returns whether a file begins with UTF-8 without NUL."""
    with open(path, "rb") as file:
        head = file.read(2**12)
    try:
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False


def report_left_out(folder, paths, expected="audio files"):
    """Prints how many entries of a folder are not as expected, and the first five.

    Hidden entries do not count.
    """
    names = sorted(str(p.relative_to(folder)) for p in paths if not is_hidden(p))
    if not names:
        return
    print(
        f"{folder}: left out {len(names)} entries that are not {expected} "
        f"({', '.join(SUFFIXES)}): {', '.join(names[:5])}"
        f"{', ...' if len(names) > 5 else ''}",
        file=sys.stderr,
    )
