"""Directories that all processes of a test run share; the first process makes them."""

import os
import shutil

import pytest

from apps.common.portable.files import exclusive_lock


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Makes a directory once for all processes of a test run.

    `once(name, make)` returns the path of the directory; `make(path)` must create it.
    Tests may read the directory and may change only copies.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    root = root / "once"

    def once(name, make):
        directory, made = root / name, root / f"{name}.made"
        (lock := root / f"{name}.lock").mkdir(parents=True, exist_ok=True)
        with exclusive_lock(lock):
            if not made.exists():
                # A call that failed may have left the directory.
                shutil.rmtree(directory, ignore_errors=True)
                make(directory)
                made.touch()
        return directory

    return once
