"""The language model: tied embedding, LSTMs whose state goes in and out, logits."""

import keras
from keras import ops

from apps.common.layers.embedding import TiedEmbedding
from lstm_layer import LSTM
from lstm_layer.package import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class ActivityPenalty(keras.layers.Layer):
    """Passes the last layer's dropped outputs on, and adds penalties to the loss.

    AR is `activation` times the mean square of the dropped outputs, TAR is `change`
    times the mean square of the difference of successive outputs (Merity, McCann and
    Socher 2017).
    """

    def __init__(self, activation, change, **kwargs):
        super().__init__(**kwargs)
        self.activation, self.change = activation, change

    def call(self, inputs, training=False):
        """Takes `[outputs, dropped outputs]`, `(batch, timesteps, units)` each."""
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
        """Returns the arguments that make this layer again."""
        return {
            **super().get_config(),
            "activation": self.activation,
            "change": self.change,
        }


def build_model(
    vocabulary_size,
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
        embedding_dim: Size of a token's vector, and of the last layer.
        units: Units of the other layers.
        num_layers: Number of LSTMs.
        embedding_dropout: Fraction of the tokens dropped.
        input_dropout: Fraction of the vectors' features dropped, the same ones at all
            timesteps; as are
        hidden_dropout: those between layers,
        output_dropout: and those after the last.
        weight_drop: Fraction of each recurrent kernel dropped.
        activation_penalty: Weight of AR.
        change_penalty: Weight of TAR.
        softmax_dtype: Type of the logits' products in training.

    Returns:
        A model from `[token_ids (batch, timesteps), h_1, c_1, h_2, ...]` to `[logits
        (batch, timesteps, vocabulary_size), h_1, c_1, h_2, ...]`.
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
    before, after = [], []
    for number in range(1, num_layers + 1):
        last = number == num_layers
        size = embedding_dim if last else units
        state = [keras.Input((size,), name=f"{name}_{number}") for name in "hc"]
        lstm = LSTM(
            size,
            return_sequences=True,
            return_state=True,
            weight_drop=weight_drop,
            name=f"lstm_{number}",
        )
        outputs, h, c = lstm(x, initial_state=state)
        x = keras.layers.SpatialDropout1D(output_dropout if last else hidden_dropout)(
            outputs
        )
        before += state
        after += [h, c]
    x = ActivityPenalty(activation_penalty, change_penalty, name="states")([outputs, x])
    logits = embedding(x, reverse=True)
    return keras.Model([token_ids, *before], [logits, *after], name="language_model")
