"""Runs exported models without TensorFlow, from their `onnx/` directories.

loaded = runtime.load("runs/sentiment/movie_snippets/seed-1/export/sentiment/1/onnx")
loaded.signatures["serving_default"]({"text": np.array([b"A joy."], object)})
"""

from typing import NamedTuple

from serving.runtime.description import read_description
from serving.runtime.graph import Graph
from serving.runtime.language_modeling import LanguageModel
from serving.runtime.question_answering import QuestionAnswering
from serving.runtime.sentiment import Sentiment
from serving.runtime.speech_commands import SpeechCommands
from serving.runtime.summarization import Summarization

APPS = {
    "language_modeling": LanguageModel,
    "question_answering": QuestionAnswering,
    "sentiment": Sentiment,
    "speech_commands": SpeechCommands,
    "summarization": Summarization,
}


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
    kind = APPS[description.app]
    description.require(kind.graphs_needed, kind.files_needed, kind.settings_needed)
    graphs = {name: Graph(info) for name, info in description.graphs.items()}
    app = kind(description, graphs)
    return Loaded(description.app, app.signatures())
