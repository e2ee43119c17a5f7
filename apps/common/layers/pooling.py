"""Pooling over time, for sequence classifiers."""

import keras
from keras import ops

from apps.common.portable.masking import MASKED
from lstm_layer.package import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaskedPooling(keras.layers.Layer):
    """Pools the timesteps of a sequence that are not masked into one vector.

    `(batch, timesteps, features)` becomes `(batch, features)`. A fully masked row gives
    finite values.

    Args:
        pooling: "mean"; "max"; or "attention", a learned weighted mean (Bahdanau, Cho
            and Bengio 2015, with a learned query).
    """

    def __init__(self, pooling, **kwargs):
        super().__init__(**kwargs)
        self.pooling = pooling
        self.supports_masking = True

    def build(self, input_shape):
        """Creates the attention's weights."""
        features = input_shape[-1]
        if self.pooling == "attention":
            self.kernel = self.add_weight(name="kernel", shape=(features, features))
            self.query = self.add_weight(name="query", shape=(features, 1))
        self.built = True

    def call(self, inputs, mask=None):
        """Pools `(batch, timesteps, features)` under a mask `(batch, timesteps)`."""
        if mask is None:
            mask = ops.ones(ops.shape(inputs)[:2], dtype="bool")
        mask = ops.expand_dims(mask, -1)  # (batch, timesteps, 1)
        if self.pooling == "max":
            return ops.max(ops.where(mask, inputs, MASKED), axis=1)
        if self.pooling == "attention":
            scores = ops.tanh(inputs @ self.kernel) @ self.query
        else:
            scores = ops.zeros_like(inputs[..., :1])
        weights = ops.softmax(ops.where(mask, scores, MASKED), axis=1)
        return ops.sum(weights * inputs, axis=1)

    def compute_mask(self, inputs, mask=None):
        """Returns None: the output has no time axis."""
        return None

    def compute_output_shape(self, input_shape):
        """Returns `(batch, features)`."""
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        """Returns the constructor's arguments, for serialization."""
        return {**super().get_config(), "pooling": self.pooling}
