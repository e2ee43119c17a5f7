"""The base class of all predictors, which loads the parts of a finished run."""

import functools
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.common.data.labels import load_labels
from apps.common.data.rows import file_rows
from apps.common.data.text import encoded
from apps.common.data.vocabulary import Vocabulary
from apps.common.portable.run_files import LABELS, VOCABULARY
from apps.common.training.model_file import load_model
from apps.common.training.runs import finished_run


def part(make):
    """Decorates a method as a cached property that is computed outside any graph.

    The first access may happen while a `tf.function` is traced. A tensor created in
    that graph could not be used in another one.
    """

    @functools.cached_property
    @functools.wraps(make)
    def once(self):
        with tf.init_scope():
            return make(self)

    return once


class Predictor:
    """Predicts from raw inputs with the model of a finished run.

    Each part is loaded at its first access and then kept. An app's subclass adds

    - `name` and `config_class`;
    - `answer`, the `tf.function` of the signature `serving_default`;
    - `gates`, the `tf.function` of the signature `gates`;
    - `predict(inputs)`, which returns a dictionary for each input;
    - `graphs()` and `settings()`, what other engines than TensorFlow run it by;
    - `inputs`: the key of each input in these dictionaries, and the setting of the
      section `data` that names its column, or "" for a column of the same name;
    - further signatures, if the app has any.

    Args:
        directory: Run directory with a finished training.
        config: The run's configuration.
    """

    name = config_class = inputs = None

    def __init__(self, directory, config):
        self.directory, self.config = Path(directory), config

    @classmethod
    def load(cls, directory):
        """Returns the predictor of a run.

        Args:
            directory: Run directory with a finished training.

        Raises:
            ValueError: If there is no such run, or its training has not ended.
        """
        return cls(directory, finished_run(directory, cls.config_class))

    @part
    def model(self):
        """The trained model."""
        return load_model(self.directory)

    @part
    def vocabulary(self):
        """The model's vocabulary."""
        rules = self.config.data.token_rules
        return Vocabulary.load(self.directory / VOCABULARY, rules)

    @part
    def labels(self):
        """Names of the model's classes, by id."""
        return load_labels(self.directory / LABELS)

    def tracked(self):
        """Returns the layers whose lookup tables the signatures use."""
        return [self.vocabulary.lookup]

    def rows(self, path, data):
        """Returns an iterable of the rows of a file of inputs, each a `Row`.

        Args:
            path: Path of the file.
            data: A `DataConfig`, which names the columns.

        Raises:
            ValueError: If the file as a whole is wrong; also while it is iterated.
        """
        return file_rows(Path(path), self.inputs, data)

    def device_graphs(self):
        """Returns what of `graphs()` goes to devices, each a `DeviceGraph`, by name."""
        return {}

    def signatures(self):
        """Returns the signatures of an export, each a `tf.function`, by name."""
        return {"serving_default": self.answer, "gates": self.gates}


def answer_all(answer, *columns, batch_size, unit=None, characters=None):
    """Predicts many inputs in batches of similar length.

    Args:
        answer: A function from one tensor of texts per column to a dictionary of
            tensors with one row per input.
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
    bar = keras.utils.Progbar(
        len(rows), unit_name=unit, verbose=int(unit is not None and sys.stdout.isatty())
    )
    for batch in _batches(lengths, batch_size, characters):
        outputs = answer(*(encoded([column[n] for n in batch]) for column in columns))
        outputs = {name: value.numpy() for name, value in outputs.items()}
        for place, n in enumerate(batch):
            rows[n] = {name: value[place] for name, value in outputs.items()}
        bar.add(len(batch))
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
