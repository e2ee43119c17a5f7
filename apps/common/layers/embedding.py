"""Embedding layers: with partly trained vectors, or tied to the softmax."""

import keras
import tensorflow as tf
from keras import ops

from apps.common.layers.tied_softmax import tied_cross_entropy
from lstm_layer.package import PACKAGE
from lstm_layer.xla import compiled


@keras.saving.register_keras_serializable(package=PACKAGE)
class WordEmbedding(keras.layers.Layer):
    """Looks up word vectors; only those of the first ids are trained.

    A word that the training texts lack keeps its pretrained vector, which is close to
    those of similar words. Id 0 is padding and masked. `token_ids`
    `(batch, timesteps)` become `(batch, timesteps, embedding_dim)`.

    >>> layer = WordEmbedding(vocabulary_size=5, embedding_dim=2, trained=3)
    >>> tuple(layer(keras.ops.array([[1, 4, 0]])).shape)
    (1, 3, 2)
    >>> [tuple(weight.shape) for weight in layer.trainable_weights]
    [(3, 2)]

    Args:
        vocabulary_size: Number of token ids.
        embedding_dim: Size of a vector.
        trained: Number of trained vectors: those of the ids below it.
        spread: Vectors are initialized uniformly from -spread to spread.

    Raises:
        ValueError: If `trained` is below 2 or above `vocabulary_size`. Padding and
            unknown token are always trained.
    """

    def __init__(self, vocabulary_size, embedding_dim, trained, spread=0.05, **kwargs):
        super().__init__(**kwargs)
        if not 2 <= trained <= vocabulary_size:
            raise ValueError(
                f"`trained` must be from 2 to vocabulary_size ({vocabulary_size}). "
                f"Received: trained={trained}."
            )
        self.vocabulary_size, self.embedding_dim = vocabulary_size, embedding_dim
        self.trained, self.spread = trained, spread
        self.supports_masking = True

    def build(self, input_shape):
        """Creates the trained and the fixed vectors."""
        for name, rows in self._parts().items():
            vectors = self.add_weight(
                name=name,
                shape=(rows, self.embedding_dim),
                initializer=keras.initializers.RandomUniform(-self.spread, self.spread),
                trainable=name == "trained_vectors",
            )
            setattr(self, name, vectors)
        self.built = True

    def call(self, token_ids):
        """Looks up the vectors of `token_ids`."""
        is_trained = token_ids < self.trained
        x = ops.take(self.trained_vectors, ops.where(is_trained, token_ids, 0), axis=0)
        if self.trained == self.vocabulary_size:
            return x
        row = ops.where(is_trained, 0, token_ids - self.trained)
        fixed = ops.take(self.fixed_vectors, row, axis=0)
        return ops.where(ops.expand_dims(is_trained, -1), x, fixed)

    def compute_mask(self, token_ids, mask=None):
        """Returns the mask `(batch, timesteps)`: False for padding, else True."""
        return ops.not_equal(token_ids, 0)

    def compute_output_shape(self, input_shape):
        """Returns `(batch, timesteps, embedding_dim)`."""
        return (*input_shape, self.embedding_dim)

    def assign(self, vectors):
        """Sets the vectors of all ids, `(vocabulary_size, embedding_dim)`."""
        self.trained_vectors.assign(vectors[: self.trained])
        if self.trained < self.vocabulary_size:
            self.fixed_vectors.assign(vectors[self.trained :])

    def get_config(self):
        """Returns the constructor's arguments, for serialization."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "trained": self.trained,
            "spread": self.spread,
        }

    def _parts(self):
        parts = {"trained_vectors": self.trained}
        if self.trained < self.vocabulary_size:
            parts["fixed_vectors"] = self.vocabulary_size - self.trained
        return parts


@keras.saving.register_keras_serializable(package=PACKAGE)
class TiedEmbedding(keras.layers.Layer):
    """Looks up token vectors and computes logits with the same weights (weight tying).

    Press and Wolf 2017; Inan, Khosravi and Socher 2017. `layer(token_ids)` returns
    vectors, `layer(states, reverse=True)` returns logits, and `layer.losses(states,
    targets)` the cross-entropy of these.

    >>> layer = TiedEmbedding(vocabulary_size=7, embedding_dim=3, dropout=0.0)
    >>> x = layer(keras.ops.array([[1, 4]]))
    >>> tuple(x.shape), tuple(layer(x, reverse=True).shape)
    ((1, 2, 3), (1, 2, 7))

    Args:
        vocabulary_size: Number of token ids.
        embedding_dim: Size of a vector.
        dropout: Fraction of the vocabulary that is dropped in training, each token
            wherever it occurs in the batch (Gal and Ghahramani 2016).
        softmax_dtype: Dtype of the softmax and its matrix products in `losses`, in
            training.
    """

    def __init__(
        self,
        vocabulary_size,
        embedding_dim,
        dropout,
        softmax_dtype="float32",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size, self.embedding_dim = vocabulary_size, embedding_dim
        self.dropout, self.softmax_dtype = dropout, softmax_dtype
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        """Creates the vectors and the bias of the logits."""
        self.vectors = self.add_weight(
            name="vectors",
            shape=(self.vocabulary_size, self.embedding_dim),
            initializer=keras.initializers.RandomUniform(-0.1, 0.1),
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.vocabulary_size,), initializer="zeros"
        )
        self.built = True

    def losses(self, states, targets, training=False):
        """Returns the cross-entropy of states `(rows, features)`, `(rows,)`.

        Args:
            states: What `call` computes logits of.
            targets: Token ids, `(rows,)`.
            training: Whether to compute in `softmax_dtype`, not in float32.
        """
        weights = map(tf.convert_to_tensor, (self.vectors, self.bias))
        dtype = self.softmax_dtype if training else "float32"
        return tied_cross_entropy(states, targets, *weights, dtype)

    def call(self, inputs, reverse=False, training=False):
        """Looks up token ids, or computes logits of `(batch, timesteps, features)`."""
        if reverse:
            # TensorFlow fuses matmul and bias_add of a matrix into one operation.
            rows = tf.reshape(inputs, [-1, self.embedding_dim])
            vectors, bias = map(ops.convert_to_tensor, (self.vectors, self.bias))
            rows = tf.matmul(rows, vectors, transpose_b=True)
            rows = tf.nn.bias_add(rows, bias)
            return tf.reshape(
                rows, [*tf.unstack(tf.shape(inputs)[:-1]), rows.shape[-1]]
            )
        x = ops.take(self.vectors, inputs, axis=0)
        if training and self.dropout:
            kept = ops.ones((self.vocabulary_size, 1), dtype=x.dtype)
            kept = keras.random.dropout(kept, self.dropout, seed=self.seed_generator)
            x = x * ops.take(kept, inputs, axis=0)
        return x

    def compute_output_spec(self, inputs, reverse=False, training=False):
        """Returns the output's shape and dtype as a `KerasTensor`."""
        shape = (*inputs.shape, self.embedding_dim)
        if reverse:
            shape = (*inputs.shape[:-1], self.vocabulary_size)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        """Returns the constructor's arguments, for serialization."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "dropout": self.dropout,
            "softmax_dtype": self.softmax_dtype,
        }


@compiled
def cross_entropy(logits, targets):
    """Returns the cross-entropy of each row of logits, `(rows,)`, for training.

    Compiled by XLA: TensorFlow's op is slower, most of all with op determinism.

    Args:
        logits: `(rows, vocabulary_size)`.
        targets: Token ids, `(rows,)`.
    """
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        targets, tf.cast(logits, "float32")
    )
