"""Atomic writes, locks on directories, checked reads of user files, and the cache."""

import io
import json
import os
import shutil
import socket
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from apps.common.portable import encodings
from apps.common.portable.terminal import report_once

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# Errors that reading a damaged file can raise.
DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def cache_directory():
    """Returns the directory of downloads: `$CAROUSEL_CACHE` or `~/.cache/carousel`."""
    return Path(os.environ.get("CAROUSEL_CACHE") or Path.home() / ".cache" / "carousel")


@contextmanager
def open_text(path, encoding=None, start=0, end=None):
    """Opens a user's text file for reading, with or without a byte order mark.

    Args:
        path: Path of the file.
        encoding: The user's `data.encoding`; None reads UTF-8 where there is no such
            setting.
        start: Place of the first byte to read; the encoding must not look back.
        end: Place after the last byte to read; None reads to the end of the file.

    Raises:
        ValueError: If there is no such file, or its bytes are not in the encoding. The
            message names the encoding that they look like.
    """
    wanted = encoding or "utf-8"
    try:
        with open(path, "rb") as file:
            head = file.peek()
            codec = encodings.codec_of(wanted, head)
            if codec is None:
                raise _encoding_error(path, 1, encoding, head)
            if not codec.startswith("utf") and encodings.looks_like_utf8(head):
                report_once(
                    f"{path}: read as {wanted}, but it looks like UTF-8. If letters "
                    "are wrong, set data.encoding=utf-8."
                )
            if start:  # a byte order mark stands at the beginning of a file only
                codec = codec.removesuffix("-sig")
            if start or end is not None:
                file = io.BufferedReader(_Range(file, start, end))
            with io.TextIOWrapper(file, encoding=codec) as text:
                yield text
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file.") from None
    except IsADirectoryError:
        raise ValueError(f"{path}: expected a file. Received: a directory.") from None
    except UnicodeDecodeError as error:
        line = encodings.undecodable_line(path, codec) if Path(path).is_file() else 1
        raise _encoding_error(path, line, encoding, error.object) from None


class _Range(io.RawIOBase):
    """Reads the bytes of a file from one place to another."""

    def __init__(self, file, start, end):
        self.file, self.left = file, sys.maxsize if end is None else end - start
        file.seek(start)

    def readable(self):
        return True

    def readinto(self, buffer):
        size = self.file.readinto(memoryview(buffer)[: self.left])
        self.left -= size
        return size

    def close(self):
        self.file.close()
        super().close()


def _encoding_error(path, line, encoding, content):
    """Returns the error for a file with bytes, `content`, of another encoding."""
    message = f"{path}:{line}: not {_shown(encoding or 'utf-8')}."
    if guess := encodings.looks_like(content):
        message += f" It looks like {_shown(guess)}."
    if encoding is None:
        way_out = "Convert the file, for example with iconv."
    elif guess:
        way_out = f"Set data.encoding={guess}."
    else:
        way_out = "Set data.encoding= to its encoding, such as cp1251 or utf-16-le."
    return ValueError(f"{message} {way_out}")


def _shown(encoding):
    return encoding.upper() if encoding.startswith("utf") else encoding


@contextmanager
def atomic_write(path):
    """Yields a temporary path beside `path`, and renames it to `path` at the end.

    A reader of `path` sees the old file or the new one, never a part. If the block
    raises an error, `path` stays as it was.
    """
    path = Path(path)
    name = f".{socket.gethostname()}.{os.getpid()}.{path.name}"  # unique in a cluster
    temporary = path.with_name(name)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path, value, indent=2):
    """Writes a value as JSON, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=indent) + "\n", encoding="utf-8")


def rename_into_place(directory, destination):
    """Renames a directory; if the destination exists already, deletes it instead."""
    try:
        os.rename(directory, destination)
    except OSError:
        if not Path(destination).is_dir():
            raise
        shutil.rmtree(directory)


@contextmanager
def arrays_in(path):
    """Opens the arrays of an .npz file; refuses pickled objects.

    Raises:
        One of the errors in `DAMAGED`: If the file is missing or damaged.
    """
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
        yield arrays


@contextmanager
def exclusive_lock(directory, wait=True):
    """Holds an advisory lock on a directory; waits for other processes.

    The system releases the lock when the process ends, even if it is killed. Yields
    True, or False where there are no such locks: on Windows and on some network file
    systems.

    Args:
        directory: An existing directory.
        wait: Whether to wait while another process holds the lock.

    Raises:
        BlockingIOError: If another process holds the lock, and `wait` is False.
    """
    if fcntl is None:
        yield False
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            locked = True
        except BlockingIOError:
            raise
        except OSError:
            locked = False
        yield locked
    finally:
        os.close(descriptor)
