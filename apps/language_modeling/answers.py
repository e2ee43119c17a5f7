"""Scores the user's texts, by any engine's function of the model."""

from apps.common.answers import Answers as Base
from apps.common.answers import answer_all
from apps.language_modeling.config import Config

BATCH_SIZE, BATCH_CHARACTERS = 64, 2**14  # logits take the vocabulary's size a token


class Answers(Base):
    """How likely texts are."""

    name, config_class, inputs = "language_modeling", Config, {"text": ""}

    def predict(self, texts):
        """Returns a dictionary with `text` and the outputs of `answer` per text.

        Args:
            texts: Strings.
        """
        rows = answer_all(
            self.answer, texts, batch_size=BATCH_SIZE, characters=BATCH_CHARACTERS
        )
        answers = []
        for text, row in zip(texts, rows, strict=True):
            name = "token_log_probabilities"  # padded to the longest text of the batch
            row[name] = row[name][: row["tokens"]]
            row = {name: value.tolist() for name, value in row.items()}
            answers.append({"text": text, **row})
        return answers
