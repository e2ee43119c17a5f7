"""Summarizes the user's documents, by any engine's function of the model."""

from apps.common.answers import Answers as Base
from apps.common.answers import answer_all
from apps.summarization.config import Config

BATCH_SIZE = 64


class Answers(Base):
    """The summaries of documents."""

    name, config_class = "summarization", Config
    inputs = {"document": "document_column"}  # noqa: RUF012

    def predict(self, documents):
        """Returns a dictionary with `document`, `summary` and `score` per document.

        Args:
            documents: Strings.
        """
        answers = answer_all(self.answer, documents, batch_size=BATCH_SIZE)
        return [
            {
                "document": document,
                "summary": row["summary"].decode(),
                "score": float(row["score"]),
            }
            for document, row in zip(documents, answers, strict=True)
        ]
