"""A file that is being replaced is the old one or the new one, never a part."""

import os

import pytest

from apps.common.files import rename_into_place, replacing


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_new_file_is_there_when_the_block_ends(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with replacing(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_old_file_stays_when_the_block_raises(error, tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as aside:  # noqa: PT012
        aside.write_text("half a f")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_nothing_is_left_when_a_first_write_raises(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "file.txt"):
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_what_is_written_aside_keeps_its_suffix_and_is_hidden(tmp_path):
    with replacing(tmp_path / "model.keras") as aside:
        assert aside.parent == tmp_path
        assert aside.name.startswith(".")
        assert aside.suffix == ".keras"
        aside.write_text("")


def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    def full(source, destination):
        raise OSError(28, "No space left on device")

    path = tmp_path / "file.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"), replacing(path) as aside:
        aside.write_text("new")
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
