"""Writes `model.json`, which describes an export, and the files beside it.

It names the run by the SHA-256 of the files that its answers depend on, so that an
export is never taken for that of another run, or of one that was changed since.
"""

import hashlib
import json
import shutil
from pathlib import Path

from apps.common.portable.description import read_json
from apps.common.portable.run_files import (
    CONFIG,
    DETECTION_FILE,
    LABELS,
    MODEL,
    VOCABULARY,
)
from apps.common.portable.versions import FORMAT

RUN = "run"  # the entry with the SHA-256 of these files of the run, by name
RUN_FILES = (CONFIG, MODEL, VOCABULARY, LABELS, DETECTION_FILE)


def write_description(path, predictor, graphs, **more):
    """Copies vocabulary and labels, and writes `model.json` last.

    Args:
        path: Path of the `model.json`.
        predictor: The run's `Predictor`.
        graphs: Entry of each graph by name.
        more: Further entries.
    """
    path, files = Path(path), {}
    for name in (VOCABULARY, LABELS):
        if (source := predictor.directory / name).exists():
            shutil.copy(source, path.with_name(name))
            files[name] = sha256_of(path.with_name(name))
    description = {
        "format": FORMAT,
        "app": predictor.name,
        **more,
        "graphs": graphs,
        "files": files,
        RUN: _hashes(predictor.directory),
        "settings": predictor.settings(),
    }
    text = json.dumps(description, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def check_run(path, directory):
    """Raises ValueError if an export is not of the run that a directory has now.

    Args:
        path: Path of the `model.json`.
        directory: Run directory.
    """
    exported = read_json(path).get(RUN)
    if not isinstance(exported, dict):
        raise ValueError(
            f"{path}: does not name its run, since an older version exported it. "
            "Delete that version of the export, and export again."
        )
    hashes = _hashes(Path(directory))
    if changed := sorted(
        name for name in {*exported, *hashes} if exported.get(name) != hashes.get(name)
    ):
        raise ValueError(
            f"{path}: the run's {', '.join(changed)} changed since the export. Delete "
            "that version of the export, and export again."
        )


def _hashes(directory):
    paths = [directory / name for name in RUN_FILES]
    return {path.name: sha256_of(path) for path in paths if path.exists()}


def sha256_of(path):
    """Returns the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
