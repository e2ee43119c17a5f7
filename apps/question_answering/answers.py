"""Answers the user's questions, by any engine's function of the model."""

import functools
from pathlib import Path

from apps.common.answers import Answers as Base
from apps.common.answers import answer_all
from apps.common.data.labels import load_labels
from apps.common.data.tables import is_table
from apps.common.portable.run_files import LABELS
from apps.question_answering.config import PASSAGES, Config
from apps.question_answering.rows import pair, question_rows

BATCH_SIZE = 64
BATCH_CHARACTERS = 2**18  # passages are not cut off


class Answers(Base):
    """The answers to questions about stories or passages."""

    name, config_class = "question_answering", Config
    inputs = {"context": "", "question": ""}  # noqa: RUF012

    @functools.cached_property
    def labels(self):
        """Answers to stories in the order of their ids; empty for passages."""
        passages = self.config.data.dataset in PASSAGES
        return [] if passages else load_labels(self.directory / LABELS)

    def rows(self, path, data):
        """Returns the rows of a table, of SQuAD's format, of stories or of lines.

        Args:
            path: Path of a table with the columns `context` and `question`, or of a
                file that `question_rows` reads.
            data: A `DataConfig`.

        Raises:
            ValueError: If the file as a whole is wrong; also while it is iterated.
        """
        path = Path(path)
        if is_table(path) and path.suffix.lower() != ".json":
            return super().rows(path, data)
        return question_rows(path, data.encoding)

    def predict(self, questions):
        """Returns a dictionary with `context`, `question`, `answer` and more of each.

        Args:
            questions: Pairs of a context and a question, or strings in which `|||`
                separates them.

        Raises:
            ValueError: If a string has no separator.
        """
        pairs = [q if isinstance(q, tuple) else pair(q) for q in questions]
        rows = answer_all(
            self.answer,
            [context for context, _ in pairs],
            [question for _, question in pairs],
            batch_size=BATCH_SIZE,
            characters=BATCH_CHARACTERS,
        )
        answers = []
        for (context, question), row in zip(pairs, rows, strict=True):
            text = row.pop("answer").decode()
            row = {name: value.item() for name, value in row.items()}
            answers.append(
                {"context": context, "question": question, "answer": text, **row}
            )
        return answers
