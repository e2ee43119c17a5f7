"""What the predictors of all apps share: the parts of a finished run."""

import functools
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.common.data.labels import load_labels
from apps.common.data.text import Vocabulary, encoded
from apps.common.portable.run_files import LABELS, VOCABULARY
from apps.common.training.runs import finished_run
from apps.common.training.saved import load_model


def part(make):
    """Makes a cached property of a function, computed outside of any graph.

    It may be asked for first while a `tf.function` is traced; a tensor made in that
    graph would be of no use in another.
    """

    @functools.cached_property
    @functools.wraps(make)
    def once(self):
        with tf.init_scope():
            return make(self)

    return once


class Predictor:
    """A finished run that answers raw input.

    Each part is read when it is first asked for, and then kept. An app's class adds

    - `name` and `config_class`;
    - `answer`, the `tf.function` that a served model runs as `serving_default`;
    - `gates`, the one behind the signature `gates`;
    - `predict(inputs)`, a dictionary for each of the user's inputs;
    - further signatures, if it has any.

    Args:
        directory: Run directory whose training has ended.
        config: The run's configuration.
    """

    name = config_class = None

    def __init__(self, directory, config):
        self.directory, self.config = Path(directory), config

    @classmethod
    def load(cls, directory):
        """Returns the predictor of a run.

        Args:
            directory: Run directory whose training has ended.

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
        """The tokens that the model knows."""
        return Vocabulary.load(self.directory / VOCABULARY)

    @part
    def labels(self):
        """Names of the labels that the model tells apart."""
        return load_labels(self.directory / LABELS)

    def tracked(self):
        """Returns the layers whose tables the signatures use."""
        return [self.vocabulary.lookup]

    def signatures(self):
        """Returns what a served model offers, each a `tf.function`, by name."""
        return {"serving_default": self.answer, "gates": self.gates}


def answer_all(answer, *columns, batch_size, unit):
    """Answers many inputs, those of like length together.

    Args:
        answer: A function from texts, a tensor for each column, to a dictionary of
            tensors with a row for each input.
        *columns: Lists of strings; the length of the first's counts.
        batch_size: Inputs that are answered together.
        unit: What an input is, for the progress bar.

    Returns:
        A dictionary of arrays for each input, in their order.
    """
    order = np.argsort([len(text) for text in columns[0]], kind="stable")
    rows = [None] * len(order)
    bar = keras.utils.Progbar(
        len(order), unit_name=unit, verbose=int(sys.stdout.isatty())
    )
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        found = answer(*(encoded([column[n] for n in chosen]) for column in columns))
        found = {name: value.numpy() for name, value in found.items()}
        for place, n in enumerate(chosen):
            rows[n] = {name: value[place] for name, value in found.items()}
        bar.add(len(chosen))
    return rows
