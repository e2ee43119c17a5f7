"""A file that is being replaced is the old one or the new one, never a part."""

import os
import select
import subprocess
import sys

import pytest

from apps.common.portable.files import atomic_write, exclusive_lock, rename_into_place
from tests.faults.killing import ROOT


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_new_file_is_there_when_the_block_ends(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_old_file_stays_when_the_block_raises(error, tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_write(path) as temporary:  # noqa: PT012
        temporary.write_text("half a f")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_nothing_is_left_when_a_first_write_raises(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "file.txt"):
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_what_is_written_aside_keeps_its_suffix_and_is_hidden(tmp_path):
    with atomic_write(tmp_path / "model.keras") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert temporary.suffix == ".keras"
        temporary.write_text("")


def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    def full(source, destination):
        raise OSError(28, "No space left on device")

    path = tmp_path / "file.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"), atomic_write(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_finished_directory_gets_its_name(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "file").write_text("new")
    rename_into_place(tmp_path / "scratch", tmp_path / "done")
    assert names(tmp_path) == ["done"]
    assert (tmp_path / "done" / "file").read_text() == "new"


def test_a_directory_that_another_process_finished_first_stays(tmp_path):
    for name in ("scratch", "done"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    rename_into_place(tmp_path / "scratch", tmp_path / "done")
    assert names(tmp_path) == ["done"]
    assert (tmp_path / "done" / "file").read_text() == "done"


def test_a_directory_that_cannot_be_renamed_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        rename_into_place(tmp_path / "absent", tmp_path / "done")


def test_one_process_at_a_time_is_alone_and_a_kill_lets_the_next_one_in(tmp_path):
    program = f"""
import time
from apps.common.portable.files import exclusive_lock
with exclusive_lock({str(tmp_path)!r}) as locked:
    print(locked, flush=True)
    time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first, second = (
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(2)
    )
    try:
        ready, _, _ = select.select([first.stdout, second.stdout], [], [], 60)
        (inside,) = ready
        outside = second if inside is first.stdout else first
        assert inside.readline() == "True\n"
        assert select.select([outside.stdout], [], [], 0.5)[0] == []
        (first if outside is second else second).kill()
        assert outside.stdout.readline() == "True\n"
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


def test_a_file_system_without_locks_is_told_and_no_error(tmp_path, monkeypatch):
    def without(place, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", without)
    with exclusive_lock(tmp_path) as locked:
        assert locked is False


def test_a_system_without_such_locks_is_told_and_no_error(tmp_path):
    program = f"""
import sys
sys.modules["fcntl"] = None  # as on Windows
from apps.common.portable.files import exclusive_lock
for wait in (True, False):
    with exclusive_lock({str(tmp_path)!r}, wait) as locked:
        print(locked)
"""
    printed = subprocess.check_output(
        [sys.executable, "-c", program],
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert printed == "False\nFalse\n"
