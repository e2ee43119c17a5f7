"""Runs exported models without TensorFlow, from their `onnx/` directories.

loaded = runtime.load("runs/sentiment/movie_snippets/seed-1/export/sentiment/1/onnx")
loaded.signatures["serving_default"]({"text": np.array([b"A joy."], object)})
"""

from typing import NamedTuple

from serving.runtime.description import read_description
from serving.runtime.graph import Graph

# By app, the function that makes the signatures of a `Description` and its graphs,
# `Graph` by name. It raises a `ValueError` if the files do not fit each other.
APPS = {}


class Loaded(NamedTuple):
    """A loaded model.

    Attributes:
        app: Name of its app.
        signatures: `serving.engine.Signature` by name.
    """

    app: str
    signatures: dict


def load(directory):
    """Loads an `onnx/` directory.

    Raises:
        ValueError: If its files are missing, incomplete, of another format, or do not
            fit each other.
    """
    description = read_description(directory)
    if description.app not in APPS:
        known = ", ".join(APPS) or "none"
        raise ValueError(
            f"{description.path}: the app {description.app!r} is unknown. Known: "
            f"{known}. Export the model with the version of Carousel that serves it."
        )
    graphs = {name: Graph(info) for name, info in description.graphs.items()}
    app = APPS[description.app](description, graphs)
    return Loaded(description.app, app.signatures())
