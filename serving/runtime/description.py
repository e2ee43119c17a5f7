"""Reads `model.json`, the description of an `onnx/` directory, and checks its files."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from apps.common.portable.versions import FORMAT, ONNX
from serving.specs import DTYPES, Spec

AGAIN = "Copy the whole directory again, or export the model again."


class GraphInfo(NamedTuple):
    """What `model.json` says about a graph.

    Attributes:
        path: Its ONNX file.
        inputs: `Spec` by name.
        outputs: `Spec` by name.
        info: The whole entry, a dictionary.
    """

    path: Path
    inputs: dict
    outputs: dict
    info: dict


class Description(NamedTuple):
    """What `model.json` says about a model.

    Attributes:
        path: Its path.
        app: Name of the app.
        graphs: `GraphInfo` by name.
        settings: What the app's functions need, by name.
    """

    path: Path
    app: str
    graphs: dict
    settings: dict[str, Any]


def read_description(directory):
    """Reads the description of an `onnx/` directory and checks the files it names.

    Raises:
        ValueError: If it is missing, damaged or of another format, or if a graph's file
            is not the one that was exported.
    """
    path = Path(directory, ONNX.name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: the file is missing. {AGAIN}") from None
    except ValueError as error:  # no JSON, or no UTF-8
        raise ValueError(f"{path}: not valid JSON: {error}. {AGAIN}") from None
    number = content.get("format") if isinstance(content, dict) else None
    if number != FORMAT:
        raise ValueError(
            f"{path}: expected format {FORMAT}. Received: {number}. Export the model "
            "with the version of Carousel that serves it."
        )
    try:
        graphs = {
            name: GraphInfo(
                path.with_name(Path(info["file"]).name),
                _specs(info["inputs"]),
                _specs(info["outputs"]),
                info,
            )
            for name, info in content["graphs"].items()
        }
        files = content["files"] | {
            graph.path.name: graph.info["sha256"] for graph in graphs.values()
        }
        description = Description(path, content["app"], graphs, content["settings"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: incomplete: {type(error).__name__}: {error}. {AGAIN}"
        ) from None
    files = {path.with_name(Path(name).name): sha for name, sha in files.items()}
    for file, sha256 in files.items():
        _check(file, sha256)
    return description


def _specs(infos):
    specs = {
        name: Spec(info["dtype"], tuple(info["shape"])) for name, info in infos.items()
    }
    unknown = [spec.dtype for spec in specs.values() if spec.dtype not in _DTYPES]
    if unknown:
        raise TypeError(f"unknown type {unknown[0]!r}")
    return specs


_DTYPES = frozenset(DTYPES.values())


def _check(path, sha256):
    """Raises a `ValueError` if a file is missing or was changed."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path}: the file is missing. {AGAIN}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(
            f"{path}: not the file that was exported: {len(content):,} bytes, "
            f"whose SHA-256 differs from that in {ONNX.name}. {AGAIN}"
        )
