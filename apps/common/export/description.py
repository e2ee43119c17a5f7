"""Writes `model.json`, which describes an export, and the files beside it."""

import hashlib
import json
import shutil
from pathlib import Path

from apps.common.portable.run_files import LABELS, VOCABULARY
from apps.common.portable.versions import FORMAT


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
        "settings": predictor.settings(),
    }
    text = json.dumps(description, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def sha256_of(path):
    """Returns the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
