"""Sums the sizes of installed packages that a requirements file asks for."""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement


def installed_megabytes(path):
    """Returns the size of the packages of a requirements file, with all that they need.

    This is what an environment with nothing else takes, less Python and pip.

    Args:
        path: The file. It may include others (`-r`).

    Returns:
        Megabytes of 10^6 bytes, or None if one of the packages is not installed.
    """
    sizes, waiting = {}, list(_listed(Path(path)))
    try:
        while waiting:
            requirement = waiting.pop()
            package = distribution(requirement.name)
            key = (re.sub("[-_.]+", "-", requirement.name).lower(), *requirement.extras)
            if key not in sizes:
                sizes[key] = _bytes(package)
                waiting += _needed(package, requirement.extras)
    except PackageNotFoundError:
        return None
    return sum({name: size for (name, *_), size in sizes.items()}.values()) / 1e6


def _listed(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        content = line.partition("#")[0].strip()
        if content.startswith("-r"):
            yield from _listed(path.parent / content.removeprefix("-r").strip())
        elif content:
            yield Requirement(content)


def _needed(package, extras):
    """Returns the requirements of a package with some of its extras."""
    for text in package.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if not marker or any(marker.evaluate({"extra": e}) for e in ("", *extras)):
            yield requirement


def _bytes(package):
    paths = (file.locate() for file in package.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())
