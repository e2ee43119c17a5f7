"""Atomic writes, advisory locks on directories, and checked reads of user files."""

import fcntl
import json
import os
import shutil
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

# Errors that reading a damaged file can raise.
DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@contextmanager
def open_text(path):
    """Opens a user's text file for reading: UTF-8, with or without a byte order mark.

    Raises:
        ValueError: If there is no such file, or its bytes are not UTF-8.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield file
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file.") from None
    except IsADirectoryError:
        raise ValueError(f"{path}: expected a file. Received: a directory.") from None
    except UnicodeDecodeError:
        raise ValueError(
            f"{path}:{_undecodable_line(path)}: not UTF-8. Convert the file, for "
            "example with iconv."
        ) from None


def _undecodable_line(path):
    """Returns the number, from 1, of the first line that is not UTF-8."""
    with open(path, "rb") as file:
        for line, content in enumerate(file, start=1):
            try:
                content.decode()
            except UnicodeDecodeError:
                return line


@contextmanager
def atomic_write(path):
    """Yields a temporary path beside `path`, and renames it to `path` at the end.

    A reader of `path` sees the old file or the new one, never a part. If the block
    raises an error, `path` stays as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
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
    True, or False on a file system without locks, such as some network file systems.

    Args:
        directory: An existing directory.
        wait: Whether to wait while another process holds the lock.

    Raises:
        BlockingIOError: If another process holds the lock, and `wait` is False.
    """
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
