"""Pins the small archives of the tests in a process that has this in PYTHONPATH."""

import dataclasses
import hashlib

from apps.common.packages import PACKAGES, cache_directory

for name, package in PACKAGES.items():
    for path in (cache_directory() / name).glob("*/*.*"):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        PACKAGES[name] = dataclasses.replace(package, sha256=sha256)
