"""The base class of what answers `predict`, whichever engine computes the model."""

import functools
from pathlib import Path

import numpy as np

from apps.common.data.labels import load_labels
from apps.common.data.rows import file_rows
from apps.common.finished import finished_run
from apps.common.portable.progress import Progress
from apps.common.portable.run_files import LABELS


class Answers:
    """Predicts from raw inputs with the function `answer` of a finished run's model.

    An app's subclass adds

    - `name` and `config_class`;
    - `predict(inputs)`, which returns a dictionary for each input;
    - `inputs`: the key of each input in these dictionaries, and the setting of the
      section `data` that names its column, or "" for a column of the same name.

    Args:
        directory: Run directory with a finished training.
        config: The run's configuration.
        answer: A function from an array for each input to a dictionary of arrays with
            a row for each input; None for a subclass that has one.
    """

    name = config_class = inputs = None

    def __init__(self, directory, config, answer=None):
        self.directory, self.config = Path(directory), config
        if answer:
            self.answer = answer

    @classmethod
    def load(cls, directory, answer=None):
        """Returns the answers of a run.

        Args:
            directory: Run directory with a finished training.
            answer: As for the class.

        Raises:
            ValueError: If there is no such run, or its training has not ended.
        """
        return cls(directory, finished_run(directory, cls.config_class), answer)

    @functools.cached_property
    def labels(self):
        """Names of the model's classes, by id."""
        return load_labels(self.directory / LABELS)

    def rows(self, path, data):
        """Returns an iterable of the rows of a file of inputs, each a `Row`.

        Args:
            path: Path of the file.
            data: A `DataConfig`, which names the columns.

        Raises:
            ValueError: If the file as a whole is wrong; also while it is iterated.
        """
        return file_rows(Path(path), self.inputs, data)


def encoded(texts):
    """Encodes strings as an array of UTF-8; unpaired surrogates become question marks.

    Items of type `bytes` stay as they are.
    """
    return np.array(
        [t if isinstance(t, bytes) else t.encode("utf-8", "replace") for t in texts],
        object,
    )


def answer_all(answer, *columns, batch_size, unit=None, characters=None):
    """Predicts many inputs in batches of similar length.

    Args:
        answer: A function from one array of texts per column to a dictionary of
            arrays or tensors with one row per input.
        *columns: Lists of strings; inputs are sorted by the length of the first.
        batch_size: Maximum number of inputs per batch.
        unit: Name of an input in the progress bar, such as "text"; None shows no bar.
        characters: Maximum number of inputs of a batch times the length of its longest
            one; None sets no maximum.

    Returns:
        A list with a dictionary of arrays for each input, in the given order.
    """
    lengths = [len(text) for text in columns[0]]
    rows = [None] * len(lengths)
    bar = Progress(len(rows), unit)
    for batch in _batches(lengths, batch_size, characters):
        outputs = answer(*(encoded([column[n] for n in batch]) for column in columns))
        outputs = {name: np.asarray(value) for name, value in outputs.items()}
        for place, n in enumerate(batch):
            rows[n] = {name: value[place] for name, value in outputs.items()}
        bar.add(len(batch))
    bar.close()
    return rows


def _batches(lengths, batch_size, characters):
    """Yields the indices of each batch of inputs, the shortest first."""
    batch = []
    for n in np.argsort(lengths, kind="stable"):
        size = lengths[n] * (len(batch) + 1)
        full = len(batch) == batch_size or (characters and size > characters)
        if batch and full:
            yield batch
            batch = []
        batch.append(n)
    if batch:
        yield batch
