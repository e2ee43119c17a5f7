"""Reads `model.json`, which describes an `onnx/` directory, and the files it names."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from apps.common.portable.run_files import TOKEN_RULES
from apps.common.portable.versions import FORMAT, ONNX
from serving.specs import DTYPES, Spec

AGAIN = "Copy the whole directory again, or export the model again."
KINDS = {"app": str, "graphs": dict, "files": dict, "settings": dict}
RULES = "token_rules"  # the setting


class GraphInfo(NamedTuple):
    """A graph of an `onnx/` directory.

    Attributes:
        path: Its file, for messages.
        content: The content of the file.
        inputs: `Spec` by name.
        outputs: `Spec` by name.
    """

    path: Path
    content: bytes
    inputs: dict
    outputs: dict


class Description(NamedTuple):
    """The content of an `onnx/` directory.

    Attributes:
        path: Path of `model.json`.
        app: Name of the app.
        graphs: `GraphInfo` by name.
        files: Content of the vocabulary and the labels, bytes by name.
        settings: What the app's functions need, by name.
    """

    path: Path
    app: str
    graphs: dict
    files: dict
    settings: dict[str, Any]

    def require(self, graphs=(), files=(), settings=()):
        """Raises ValueError if a graph, file or setting of these names is missing."""
        needed = {"graphs": graphs, "files": files, "settings": settings}
        for kind, names in needed.items():
            if missing := sorted(set(names) - set(getattr(self, kind))):
                raise ValueError(
                    f"{self.path}: {kind}: expected {', '.join(sorted(names))}. "
                    f"Missing: {', '.join(missing)}. {AGAIN}"
                )


def read_description(directory):
    """Reads an `onnx/` directory and checks each file by its SHA-256.

    Later changes of the files have no effect on what is returned.

    Raises:
        ValueError: If `model.json` or a file that it names is missing, damaged, of
            another format or not the one that was exported.
    """
    path = Path(directory, ONNX.name)
    content = _content(path)
    try:
        graphs = {
            name: GraphInfo(
                *_checked(path, info["file"], info["sha256"]),
                _specs(info["inputs"]),
                _specs(info["outputs"]),
            )
            for name, info in content["graphs"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: incomplete: {type(error).__name__}: {error}. {AGAIN}"
        ) from None
    files = {
        name: _checked(path, name, sha256)[1]
        for name, sha256 in content["files"].items()
    }
    rules = content["settings"].get(RULES, TOKEN_RULES)
    if rules not in range(1, TOKEN_RULES + 1):
        raise ValueError(
            f"{path}: {RULES}: expected at most {TOKEN_RULES}. Received: {rules}. "
            "Serve the model with the version of Carousel that exported it."
        )
    return Description(path, content["app"], graphs, files, content["settings"])


def _content(path):
    """Returns the content of `model.json`, whose entries have the right types."""
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
    for name, kind in KINDS.items():
        if not isinstance(content.get(name), kind):
            raise ValueError(f"{path}: incomplete: {name} is missing. {AGAIN}")
    return content


def _specs(infos):
    specs = {
        name: Spec(info["dtype"], tuple(info["shape"])) for name, info in infos.items()
    }
    unknown = [spec.dtype for spec in specs.values() if spec.dtype not in _DTYPES]
    if unknown:
        raise TypeError(f"unknown type {unknown[0]!r}")
    return specs


_DTYPES = frozenset(DTYPES.values())


def _checked(description, name, sha256):
    """Returns the path and the content of a file beside `model.json`.

    Raises:
        ValueError: If its name has a directory, or if it is missing or was changed.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
        raise ValueError(
            f"{description}: expected the name of a file beside it. Received: {name!r}."
        )
    path = description.with_name(name)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path}: the file is missing. {AGAIN}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(
            f"{path}: not the file that was exported: {len(content):,} bytes, whose "
            f"SHA-256 differs from that in {description.name}. {AGAIN}"
        )
    return path, content
