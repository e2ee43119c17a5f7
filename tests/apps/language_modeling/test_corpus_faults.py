"""Kills, damage, full disks and other runs while a corpus is encoded."""

import errno
import os
import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from apps.language_modeling import corpus, shards
from apps.language_modeling.data import load_data
from tests.apps.language_modeling.together import (
    SPLITS,
    assert_equal,
    corpus_of,
    load_together,
)


class Killed(BaseException):
    """Stands for a signal."""


@pytest.mark.parametrize("is_after", [False, True])
def test_after_a_kill_the_same_command_goes_on(
    is_after, text, tmp_path, small_parts, monkeypatch
):
    """The process is killed before or after each rename, one after the other."""
    kills, replaced, left, move = 0, [], [1], os.replace

    def moved(source, target):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        if is_after or left[0]:
            move(source, target)
            replaced.append(Path(target).name)
        if left[0] == 0:
            raise Killed

    alone, directory = load_data(text, SPLITS), tmp_path / "corpora"
    monkeypatch.setattr(os, "replace", moved)
    while True:
        left[0] = 1 if is_after else 2
        try:
            (data,) = load_together(text, directory, 1)
        except Killed:
            kills += 1
            assert kills < 50
        else:
            break
    assert_equal(data, alone)
    assert len(replaced) == len(set(replaced))  # nothing is done twice
    assert kills >= len(replaced) - 1 > 20


def test_files_of_a_killed_worker_are_deleted(text, tmp_path, small_parts):
    load_together(text, tmp_path / "corpora", 1)
    where = corpus_of(tmp_path / "corpora")
    (where / ".host.7.train-000001.zip").write_text("half")
    (where / ".host.7.train-000001.npy").write_text("half")
    load_together(text, tmp_path / "corpora", 1)
    assert not list(where.glob(".*"))


def test_what_a_killed_worker_left_another_number_of_workers_ends(
    text, tmp_path, small_parts, monkeypatch
):
    write_ids, written = shards.write_ids, []

    def killed(path, *arguments):
        if len(written) == 3:
            raise Killed
        written.append(path.name)
        write_ids(path, *arguments)

    monkeypatch.setattr(shards, "write_ids", killed)
    with pytest.raises(Killed):
        load_together(text, tmp_path / "corpora", 2)
    assert len(written) == 3
    monkeypatch.setattr(shards, "write_ids", write_ids)
    for data in load_together(text, tmp_path / "corpora", 3):
        assert_equal(data, load_data(text, SPLITS))


def cut_off(path):
    os.truncate(path, path.stat().st_size - 4)


def change(path):
    content = bytearray(path.read_bytes())
    content[60] ^= 1  # one of the numbers, which begin at byte 37
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_off, change])
def test_numbers_that_are_damaged_are_refused_in_one_line(
    damage, text, tmp_path, small_parts, monkeypatch
):
    def killed(*arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(shards, "write_ids", killed)
        with pytest.raises(Killed):
            load_together(text, tmp_path / "corpora", 1)
    where = corpus_of(tmp_path / "corpora")
    damage(where / "train-000002.zip")
    with pytest.raises(ValueError, match=f"{where}: a file is damaged"):
        load_together(text, tmp_path / "corpora", 2)
    assert not (where / "train-000002.npy").exists()
    assert not list(where.glob(".*"))


@pytest.mark.parametrize("damage", [cut_off, Path.unlink])
@pytest.mark.parametrize("name", ["train-000002.npy", "vocabulary.txt"])
def test_a_corpus_that_is_damaged_is_refused_in_one_line(
    damage, name, text, tmp_path, small_parts
):
    load_together(text, tmp_path / "corpora", 1)
    where = corpus_of(tmp_path / "corpora")
    damage(where / name)
    with pytest.raises(ValueError, match=f"{where}: a file is .*{name}.* Delete"):
        load_together(text, tmp_path / "corpora", 2)


@pytest.mark.parametrize("function", ["write_part", "write_ids"])
def test_a_full_disk_leaves_no_half_file(
    function, text, tmp_path, small_parts, monkeypatch
):
    """A resource limit refuses files of more than 300 bytes."""
    alone, write = load_data(text, SPLITS), getattr(shards, function)

    def limited(path, *arguments):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
        try:
            write(path, *arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    with monkeypatch.context() as patch:
        patch.setattr(shards, function, limited)
        with pytest.raises(OSError, match="File too large"):
            load_together(text, tmp_path / "corpora", 1)
    where = corpus_of(tmp_path / "corpora")
    assert not list(where.glob(".*"))
    assert not (where / "corpus.json").exists()
    (data,) = load_together(text, tmp_path / "corpora", 1)
    assert_equal(data, alone)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_where_no_file_may_be_written_one_line_says_what_to_do(
    number, text, tmp_path, small_parts, monkeypatch
):
    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(ValueError, match=r"(denied|Read-only).* with run_directory="):
        load_together(text, tmp_path / "corpora", 1)


def test_a_text_that_changes_meanwhile_is_refused(
    text, tmp_path, small_parts, monkeypatch
):
    write_ids = shards.write_ids

    def changed(*arguments):
        write_ids(*arguments)
        os.utime(text.file, ns=(1, 1))

    monkeypatch.setattr(shards, "write_ids", changed)
    with pytest.raises(ValueError, match=r"data\.file: a file changed while it was"):
        load_together(text, tmp_path / "corpora", 1)
    assert not list((tmp_path / "corpora").rglob("corpus.json"))


def test_copies_of_a_file_may_differ_in_their_times_but_not_in_size(
    text, tmp_path, small_parts, monkeypatch
):
    stamps, differing = corpus._stamps, [0, 1]

    def different(config, splits):
        place = threading.current_thread().name.rpartition("_")[2] == "1"
        change = [n * place for n in differing]
        return [
            (path, size + change[0], time + change[1])
            for path, size, time in stamps(config, splits)
        ]

    monkeypatch.setattr(corpus, "_stamps", different)
    for data in load_together(text, tmp_path / "corpora"):
        assert_equal(data, load_data(text, SPLITS))
    differing[:] = [1, 0]
    with pytest.raises(ValueError, match="the workers see files of different sizes"):
        load_together(text, tmp_path / "corpora")


def test_a_second_run_waits_for_the_first_and_encodes_nothing(
    text, tmp_path, small_parts, monkeypatch, capsys
):
    began, write_part = threading.Event(), shards.write_part
    waiting, lock = threading.Event(), corpus.exclusive_lock
    written = []

    def slow(*arguments):
        began.set()
        assert waiting.wait(60)
        written.append(arguments[0])
        write_part(*arguments)

    def noticed(directory, wait=True):
        if wait:
            waiting.set()
        return lock(directory, wait)

    monkeypatch.setattr(shards, "write_part", slow)
    monkeypatch.setattr(corpus, "exclusive_lock", noticed)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(load_together, text, tmp_path / "corpora", 1)
        assert began.wait(60)
        (second,) = load_together(text, tmp_path / "corpora", 1)
    for split in SPLITS:
        expected = getattr(first.result()[0], split)[:]
        np.testing.assert_array_equal(getattr(second, split)[:], expected)
    assert len(written) == len(set(written)) > 0
    output = capsys.readouterr().out
    assert "waiting for another run, which encodes this text." in output
    assert output.rstrip().endswith("this text is encoded already.")
