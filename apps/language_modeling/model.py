"""The language model: tied embedding, LSTMs whose state goes in and out, logits."""

import keras
import tensorflow as tf
from keras import ops

from lstm_layer import LSTM
from lstm_layer.cell import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class TiedEmbedding(keras.layers.Layer):
    """Turns token ids into vectors and, with the same vectors, states into logits.

    Press and Wolf 2017; Inan, Khosravi and Socher 2017. `layer(token_ids)` looks up,
    `layer(states, reverse=True)` gives logits.

    >>> layer = TiedEmbedding(vocabulary_size=7, embedding_dim=3, dropout=0.0)
    >>> x = layer(keras.ops.array([[1, 4]]))
    >>> tuple(x.shape), tuple(layer(x, reverse=True).shape)
    ((1, 2, 3), (1, 2, 7))

    Args:
        vocabulary_size: Number of token ids.
        embedding_dim: Size of a vector.
        dropout: Fraction of the tokens whose vectors are dropped wherever they occur
            in a batch (Gal and Ghahramani 2016).
        softmax_dtype: Type of the logits' products in training.
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
        """Creates the vectors, and a bias for each logit."""
        self.vectors = self.add_weight(
            name="vectors",
            shape=(self.vocabulary_size, self.embedding_dim),
            initializer=keras.initializers.RandomUniform(-0.1, 0.1),
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.vocabulary_size,), initializer="zeros"
        )
        self.built = True

    def call(self, inputs, reverse=False, training=False):
        """Looks token ids up, or turns `(batch, timesteps, features)` into logits."""
        if reverse:
            # In rows and with these operations, since TensorFlow makes one of the two.
            dtype = self.softmax_dtype if training else self.compute_dtype
            rows = tf.reshape(inputs, [-1, self.embedding_dim])
            rows, vectors = ops.cast(rows, dtype), ops.cast(self.vectors, dtype)
            rows = tf.matmul(rows, vectors, transpose_b=True)
            rows = tf.cast(rows, self.compute_dtype)
            rows = tf.nn.bias_add(rows, ops.convert_to_tensor(self.bias))
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
        """Returns the symbolic output."""
        shape = (*inputs.shape, self.embedding_dim)
        if reverse:
            shape = (*inputs.shape[:-1], self.vocabulary_size)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        """Returns the arguments that make this layer again."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "dropout": self.dropout,
            "softmax_dtype": self.softmax_dtype,
        }


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


def zero_state(model, batch_size):
    """Returns zeros for each state that a model takes, `(batch_size, units)`."""
    return [ops.zeros((batch_size, state.shape[1])) for state in model.inputs[1:]]
