"""The base class of all predictors, which loads the parts of a finished run."""

import functools

import tensorflow as tf

from apps.common.answers import Answers
from apps.common.data.vocabulary import Vocabulary
from apps.common.portable.run_files import VOCABULARY
from apps.common.training.model_file import load_model


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


class Predictor(Answers):
    """Predicts from raw inputs with the Keras model of a finished run.

    Each part is loaded at its first access and then kept. An app's class is a subclass
    of its `Answers` as well, and adds

    - `answer`, the `tf.function` of the signature `serving_default`;
    - `gates`, the `tf.function` of the signature `gates`;
    - `graphs()` and `settings()`, what other engines than TensorFlow run it by;
    - further signatures, if the app has any.

    Args:
        directory: Run directory with a finished training.
        config: The run's configuration.
    """

    @part
    def model(self):
        """The trained model."""
        return load_model(self.directory)

    @part
    def vocabulary(self):
        """The model's vocabulary."""
        rules = self.config.data.token_rules
        return Vocabulary.load(self.directory / VOCABULARY, rules)

    def tracked(self):
        """Returns the layers whose lookup tables the signatures use."""
        return [self.vocabulary.lookup]

    def device_graphs(self):
        """Returns what of `graphs()` goes to devices, each a `DeviceGraph`, by name."""
        return {}

    def signatures(self):
        """Returns the signatures of an export, each a `tf.function`, by name."""
        return {"serving_default": self.answer, "gates": self.gates}
