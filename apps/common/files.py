"""Files that are never half there: written aside, then renamed."""

import fcntl
import os
import shutil
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@contextmanager
def replacing(path):
    """Gives a path beside `path` to write to, and renames it to `path` at the end.

    Whoever reads `path` finds the old file or the new one, never a part. If the block
    raises, `path` stays as it was.
    """
    path = Path(path)
    aside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def rename_into_place(directory, destination):
    """Renames a finished directory; where the destination exists already, it stays."""
    try:
        os.rename(directory, destination)
    except OSError:
        if not Path(destination).is_dir():
            raise
        shutil.rmtree(directory)


@contextmanager
def arrays_in(path):
    """Gives the arrays of an .npz file; pickles are refused.

    Of a damaged file it raises one of `DAMAGED`.
    """
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
        yield arrays


@contextmanager
def alone_in(directory, wait=True):
    """Waits until no other process is in such a block for the same directory.

    The lock goes with its process, however that ends. Gives whether there is one: some
    network file systems have none.

    Args:
        directory: A directory that exists.
        wait: Whether to wait.

    Raises:
        BlockingIOError: If another process is in such a block, and `wait` is False.
    """
    place = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            locked = True
        except BlockingIOError:
            raise
        except OSError:
            locked = False
        yield locked
    finally:
        os.close(place)
