"""Builds the language model: tied embedding, recurrent layers, logits."""

import keras
from keras import ops

from apps.common.layers.embedding import TiedEmbedding
from lstm_layer import LSTM
from lstm_layer.package import PACKAGE

STATES = {"lstm": "hc", "simple": "h"}  # cell -> names of the states of its layers


@keras.saving.register_keras_serializable(package=PACKAGE)
class ActivityPenalty(keras.layers.Layer):
    """Adds the penalties AR and TAR to the loss; returns the dropped outputs.

    Activation regularization (AR) penalizes the mean square of the dropped outputs.
    Temporal activation regularization (TAR) penalizes the mean squared difference of
    successive outputs. Source: Merity, McCann and Socher 2017.

    Args:
        activation: Weight of AR; 0 disables it.
        change: Weight of TAR; 0 disables it.
    """

    def __init__(self, activation, change, **kwargs):
        super().__init__(**kwargs)
        self.activation, self.change = activation, change

    def call(self, inputs, training=False):
        """Takes `[outputs, dropped outputs]`, each `(batch, timesteps, units)`."""
        outputs, dropped = inputs
        if training and self.activation:
            self.add_loss(self.activation * ops.mean(ops.square(dropped)))
        if training and self.change:
            steps = outputs[:, 1:] - outputs[:, :-1]
            self.add_loss(self.change * ops.mean(ops.square(steps)))
        return dropped

    def compute_output_shape(self, input_shape):
        """Returns the shape of the dropped outputs."""
        return input_shape[1]

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "activation": self.activation,
            "change": self.change,
        }


def build_model(
    vocabulary_size,
    cell,
    embedding_dim,
    units,
    num_layers,
    embedding_dropout,
    input_dropout,
    hidden_dropout,
    output_dropout,
    weight_drop,
    activation_penalty,
    change_penalty,
    softmax_dtype,
):
    """Returns an uncompiled model from token ids and state to logits and state.

    Args:
        vocabulary_size: Number of token ids.
        cell: "lstm", or "simple" for Keras's simple recurrent network.
        embedding_dim: Size of a token's vector, and units of the last layer.
        units: Units of each recurrent layer but the last.
        num_layers: Number of recurrent layers.
        embedding_dropout: Fraction of the vocabulary's tokens dropped in training.
        input_dropout: Fraction of the embedding's features dropped in training, the
            same at all timesteps.
        hidden_dropout: Fraction of the features between layers dropped likewise.
        output_dropout: Fraction of the last layer's features dropped likewise.
        weight_drop: Fraction of each LSTM's recurrent kernel dropped in training.
        activation_penalty: Weight of AR in `ActivityPenalty`.
        change_penalty: Weight of TAR in `ActivityPenalty`.
        softmax_dtype: Data type in which training computes the softmax, "float32" or
            "bfloat16".

    Returns:
        A model from `[token_ids (batch, timesteps), h_1, c_1, h_2, ...]` to `[logits
        (batch, timesteps, vocabulary_size), h_1, c_1, h_2, ...]`. The states of a
        simple network are `h_1, h_2, ...`.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    embedding = TiedEmbedding(
        vocabulary_size,
        embedding_dim,
        embedding_dropout,
        softmax_dtype,
        name="embedding",
    )
    x = keras.layers.SpatialDropout1D(input_dropout)(embedding(token_ids))
    initial_states, final_states = [], []
    for number in range(1, num_layers + 1):
        last = number == num_layers
        size = embedding_dim if last else units
        state = [keras.Input((size,), name=f"{name}_{number}") for name in STATES[cell]]
        layer = _layer(cell, size, weight_drop, name=f"{cell}_{number}")
        outputs, *final_state = layer(x, initial_state=state)
        x = keras.layers.SpatialDropout1D(output_dropout if last else hidden_dropout)(
            outputs
        )
        initial_states += state
        final_states += final_state
    x = ActivityPenalty(activation_penalty, change_penalty, name="states")([outputs, x])
    logits = embedding(x, reverse=True)
    return keras.Model(
        [token_ids, *initial_states], [logits, *final_states], name="language_model"
    )


def _layer(cell, units, weight_drop, **options):
    """Returns a recurrent layer that returns its outputs and its last states."""
    options = {"return_sequences": True, "return_state": True, **options}
    if cell == "simple":
        return keras.layers.SimpleRNN(units, **options)
    return LSTM(units, weight_drop=weight_drop, **options)
