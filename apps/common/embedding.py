"""Word vectors in a model: those of the training texts learn, the others stay."""

import keras
from keras import ops

from lstm_layer.cell import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class WordEmbedding(keras.layers.Layer):
    """Turns token ids into vectors, of which the first ones are trained.

    A word that the training texts do not have keeps its pretrained vector: the model
    reads it by its likeness to words that they have. Id 0 is padding and masked.
    `token_ids` `(batch, timesteps)` become `(batch, timesteps, embedding_dim)`.

    >>> layer = WordEmbedding(vocabulary_size=5, embedding_dim=2, trained=3)
    >>> tuple(layer(keras.ops.array([[1, 4, 0]])).shape)
    (1, 3, 2)
    >>> [tuple(weight.shape) for weight in layer.trainable_weights]
    [(3, 2)]

    Args:
        vocabulary_size: Number of token ids.
        embedding_dim: Size of a vector.
        trained: Ids below it are trained.

    Raises:
        ValueError: If not even the unknown token's vector would be trained, or more
            than there are.
    """

    def __init__(self, vocabulary_size, embedding_dim, trained, **kwargs):
        super().__init__(**kwargs)
        if not 2 <= trained <= vocabulary_size:
            raise ValueError(
                f"`trained` must be from 2 to vocabulary_size ({vocabulary_size}). "
                f"Received: trained={trained}."
            )
        self.vocabulary_size, self.embedding_dim = vocabulary_size, embedding_dim
        self.trained = trained
        self.supports_masking = True

    def build(self, input_shape):
        """Creates the vectors."""
        for name, rows in self._parts().items():
            vectors = self.add_weight(
                name=name,
                shape=(rows, self.embedding_dim),
                initializer="uniform",
                trainable=name == "trained_vectors",
            )
            setattr(self, name, vectors)
        self.built = True

    def call(self, token_ids):
        """Looks the vectors of `token_ids` up."""
        is_trained = token_ids < self.trained
        x = ops.take(self.trained_vectors, ops.where(is_trained, token_ids, 0), axis=0)
        if self.trained == self.vocabulary_size:
            return x
        row = ops.where(is_trained, 0, token_ids - self.trained)
        fixed = ops.take(self.fixed_vectors, row, axis=0)
        return ops.where(ops.expand_dims(is_trained, -1), x, fixed)

    def compute_mask(self, token_ids, mask=None):
        """Returns True for all but padding, `(batch, timesteps)`."""
        return ops.not_equal(token_ids, 0)

    def compute_output_shape(self, input_shape):
        """Returns `(batch, timesteps, embedding_dim)`."""
        return (*input_shape, self.embedding_dim)

    def assign(self, vectors):
        """Takes vectors for all ids, `(vocabulary_size, embedding_dim)`."""
        self.trained_vectors.assign(vectors[: self.trained])
        if self.trained < self.vocabulary_size:
            self.fixed_vectors.assign(vectors[self.trained :])

    def get_config(self):
        """Returns the arguments that make this layer again."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "trained": self.trained,
        }

    def _parts(self):
        parts = {"trained_vectors": self.trained}
        if self.trained < self.vocabulary_size:
            parts["fixed_vectors"] = self.vocabulary_size - self.trained
        return parts
