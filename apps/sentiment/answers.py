"""Classifies the user's texts, by any engine's function of the model."""

from apps.common.answers import Answers as Base
from apps.common.answers import answer_all
from apps.sentiment.config import Config

BATCH_SIZE = 128


class Answers(Base):
    """The sentiment of texts."""

    name, config_class, inputs = "sentiment", Config, {"text": "text_column"}

    def predict(self, texts):
        """Returns a dictionary with `text`, `label` and `probabilities` per text.

        Args:
            texts: Strings.
        """
        answers = answer_all(self.answer, texts, batch_size=BATCH_SIZE)
        return [
            {
                "text": text,
                "label": row["label"].decode(),
                "probabilities": dict(
                    zip(self.labels, row["probabilities"].tolist(), strict=True)
                ),
            }
            for text, row in zip(texts, answers, strict=True)
        ]
