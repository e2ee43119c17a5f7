"""Adds a logistic regression on TF-IDF to a model, inside its graph."""

import keras
import numpy as np
from keras import ops

from apps.common.portable.patterns import UNKNOWN_ID
from lstm_layer.package import PACKAGE

FIRST_ID = UNKNOWN_ID + 1  # training texts may have no unknown token to learn from


@keras.saving.register_keras_serializable(package=PACKAGE)
class BagOfWords(keras.layers.Layer):
    """Computes the logits of a linear model on the TF-IDF of a text's tokens.

    A text's features are the counts of its tokens times their inverse document
    frequencies, divided by the root of the sum of count times squared frequency.
    (TF-IDF squares the count as well. Here one sum over the timesteps suffices.)
    `token_ids` `(batch, timesteps)` become logits `(batch, num_classes)`, which are 0
    until `assign` is called. Training changes nothing.

    Args:
        vocabulary_size: Number of token ids with weights. Later ids, padding and the
            unknown token have none.
        num_classes: Number of labels.
    """

    def __init__(self, vocabulary_size, num_classes, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size, self.num_classes = vocabulary_size, num_classes

    def build(self, input_shape):
        """Creates the weights: of each token those of the labels, and its square."""
        self.table = self.add_weight(
            name="table",
            shape=(self.vocabulary_size, self.num_classes + 1),
            initializer="zeros",
            trainable=False,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.num_classes,), initializer="zeros", trainable=False
        )
        self.built = True

    def call(self, token_ids):
        """Sums the weights of `token_ids` `(batch, timesteps)`; see the class."""
        known = ops.where(token_ids < self.vocabulary_size, token_ids, 0)
        sums = ops.sum(ops.take(self.table, known, axis=0), axis=1)
        logits, squares = sums[:, : self.num_classes], sums[:, self.num_classes :]
        return logits / ops.sqrt(ops.maximum(squares, 1e-9)) + self.bias

    def assign(self, frequencies, coefficients, bias):
        """Sets the weights.

        Args:
            frequencies: Inverse document frequency of each token, `(vocabulary_size,)`.
            coefficients: Of the linear model, `(vocabulary_size, num_classes)`.
            bias: Of the linear model, `(num_classes,)`.
        """
        column = np.asarray(frequencies)[:, np.newaxis]
        table = np.concatenate([column * coefficients, column**2], axis=1)
        table[:FIRST_ID] = 0
        self.table.assign(table)
        self.bias.assign(bias)

    def compute_output_shape(self, input_shape):
        """Returns `(batch, num_classes)`."""
        return (input_shape[0], self.num_classes)

    def get_config(self):
        """Returns the constructor's arguments, for serialization."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "num_classes": self.num_classes,
        }
