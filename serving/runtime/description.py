"""Reads `model.json`, which describes an `onnx/` directory, and the files it names."""

from pathlib import Path
from typing import Any, NamedTuple

from apps.common.portable.description import (
    AGAIN,
    checked_bytes,
    entry,
    file_beside,
    file_entry,
    read_json,
)
from apps.common.portable.run_files import TOKEN_RULES
from apps.common.portable.versions import ONNX
from serving.specs import DTYPES, Spec

ENTRIES = {"app": str, "graphs": dict, "files": dict, "settings": dict}
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
    content = read_json(path)
    app, graphs, hashes, settings = (
        entry(content, key, kind, path) for key, kind in ENTRIES.items()
    )
    graphs = {
        name: _graph(graphs, name, path.parent, f"{path}: graphs") for name in graphs
    }
    files = {
        name: checked_bytes(file_beside(name, path.parent, f"{path}: files"), sha256)
        for name, sha256 in hashes.items()
    }
    rules = settings.get(RULES, TOKEN_RULES)
    if rules not in range(1, TOKEN_RULES + 1):
        raise ValueError(
            f"{path}: {RULES}: expected at most {TOKEN_RULES}. Received: {rules}. "
            "Serve the model with the version of Carousel that exported it."
        )
    return Description(path, app, graphs, files, settings)


def _graph(graphs, name, directory, place):
    """Returns the `GraphInfo` of a graph; `place` is where it stands."""
    info = entry(graphs, name, dict, place)
    place = f"{place}: {name}"
    path = file_entry(info, directory, place)
    content = checked_bytes(path, entry(info, "sha256", str, place))
    inputs, outputs = (
        _specs(entry(info, side, dict, place), f"{place}: {side}")
        for side in ("inputs", "outputs")
    )
    return GraphInfo(path, content, inputs, outputs)


def _specs(infos, place):
    specs = {}
    for name in infos:
        info = entry(infos, name, dict, place)
        dtype = entry(info, "dtype", str, f"{place}: {name}")
        shape = entry(info, "shape", list, f"{place}: {name}")
        if dtype not in _DTYPES:
            raise ValueError(f"{place}: {name}: unknown type {dtype!r}. {AGAIN}")
        specs[name] = Spec(dtype, tuple(shape))
    return specs


_DTYPES = frozenset(DTYPES.values())
