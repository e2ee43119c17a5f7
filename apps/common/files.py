"""Files that are never half there: written aside, then renamed."""

import fcntl
import os
import shutil
from contextlib import contextmanager
from pathlib import Path


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
def alone_in(directory):
    """Waits until no other process is in such a block for the same directory.

    The lock goes with its process, however that ends. Gives whether there is one: some
    network file systems have none.
    """
    place = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX)
            locked = True
        except OSError:
            locked = False
        yield locked
    finally:
        os.close(place)
