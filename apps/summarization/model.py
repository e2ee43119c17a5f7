"""The summarizer: an encoder, a decoder that attends, a choice to write or to copy.

Pointer-generator: See, Liu and Manning 2017, "Get to the point".
"""

import keras
import tensorflow as tf
from keras import ops

from apps.common.data.text import PADDING_ID, UNKNOWN_ID
from apps.common.layers.embedding import TiedEmbedding, cross_entropy
from apps.common.layers.masking import MASKED
from lstm_layer import LSTM, LSTMCell
from lstm_layer.package import PACKAGE

SMALLEST = 1e-9  # of a probability, before its logarithm


@keras.saving.register_keras_serializable(package=PACKAGE)
class AttentionDecoder(keras.layers.Layer):
    r"""An LSTM cell that looks at the whole document at each step.

    With the embedded token x_t and the document's states m_1 ... m_T::

        h_0, c_0  = tanh(h_e W_0 + b_0), c_e W_1 + b_1  (h_e, c_e: the encoder's last)
        h_t, c_t  = LSTMCell([x_t, a_{t-1}], [h_{t-1}, c_{t-1}])
        e_tj      = v . tanh(m_j W_m + h_t W_h + g_tj w_g + b)
        alpha_t   = softmax(e_t)                        attention
        a_t       = sum_j alpha_tj m_j                  context, fed to the next step
        g_{t+1}   = g_t + alpha_t                       coverage
        y_t       = tanh([h_t, a_t] W_y + b_y)          features for the softmax
        p_t       = sigmoid([h_t, a_t, x_t] w_p + b_p)  probability to write, not copy

    Source: attention: Bahdanau, Cho and Bengio 2015; the rest: See et al. 2017.

    Args:
        units: Units of the cell and of the attention.
        output_dim: Size of y_t.
        coverage: Whether e_t depends on g_t.
        dropout: Fraction of y_t dropped in training.
    """

    def __init__(self, units, output_dim, coverage, dropout, **kwargs):
        super().__init__(**kwargs)
        self.units, self.output_dim = units, output_dim
        self.coverage, self.dropout = coverage, dropout
        self.cell = LSTMCell(units)
        self.initial_h = keras.layers.Dense(units, activation="tanh")
        self.initial_c = keras.layers.Dense(units)
        self.keys = keras.layers.Dense(units)
        self.query = keras.layers.Dense(units, use_bias=False)
        self.features = keras.layers.Dense(output_dim, activation="tanh")
        self.writes = keras.layers.Dense(1)
        self.drop = keras.layers.Dropout(dropout)
        self.supports_masking = True  # given as `document_mask`

    def build(self, input_shape):
        """Creates the weights for `[x, memory, ends]`, as `call` says."""
        (*_, features), (*_, memory), (_, ends) = input_shape
        self.cell.build((None, features + memory))
        self.initial_h.build((None, ends // 2))
        self.initial_c.build((None, ends // 2))
        self.keys.build((None, None, memory))
        self.query.build((None, self.units))
        self.features.build((None, None, self.units + memory))
        self.writes.build((None, None, self.units + memory + features))
        shape = (self.units,)
        self.v = self.add_weight(name="v", shape=shape, initializer="glorot_normal")
        if self.coverage:
            self.w_g = self.add_weight(name="w_g", shape=shape, initializer="zeros")
        self.memory_dim = memory
        self.built = True

    def begin(self, memory, ends, document_mask):
        """Returns what stays the same at all steps, and the state before the first.

        Args:
            memory: The document's states, `(batch, timesteps, memory_dim)`.
            ends: The encoder's last `[h, h, c, c]` of both directions, side by side.
            document_mask: True where the document has a token, `(batch, timesteps)`.
        """
        h, c = ops.split(ends, 2, axis=-1)
        state = {
            "h": self.initial_h(h),
            "c": self.initial_c(c),
            "context": ops.zeros_like(memory[:, 0]),
            "coverage": ops.zeros_like(memory[:, :, 0]),
        }
        bias = ops.where(document_mask, 0.0, MASKED)
        return {"memory": memory, "keys": self.keys(memory), "bias": bias}, state

    def step(self, x, state, fixed):
        """Takes one step: returns attention and the state.

        Args:
            x: Embedded token, `(batch, features)`.
            state: What `begin` or the step before returned.
            fixed: What `begin` returned.
        """
        inputs = ops.concatenate([x, state["context"]], axis=-1)
        h, (_, c) = self.cell(inputs, [state["h"], state["c"]])
        seen = fixed["keys"] + self.query(h)[:, None]  # (batch, timesteps, units)
        if self.coverage:
            seen = seen + state["coverage"][..., None] * self.w_g
        scores = ops.matmul(ops.tanh(seen), self.v[:, None])[..., 0] + fixed["bias"]
        attention = ops.softmax(scores)
        context = ops.einsum("bt,btm->bm", attention, fixed["memory"])
        coverage = state["coverage"] + attention
        return attention, {"h": h, "c": c, "context": context, "coverage": coverage}

    def outputs(self, x, h, context, training=False):
        """Returns features for the softmax and the logit of p, `(..., 1)`."""
        both = ops.concatenate([h, context], axis=-1)
        features = self.drop(self.features(both), training=training)
        return features, self.writes(ops.concatenate([both, x], axis=-1))

    def call(self, inputs, document_mask, training=False):
        """Reads a whole summary, each token being known when the next is asked for.

        Args:
            inputs: `[x (batch, steps, features), memory, ends]`.
            document_mask: As in `begin`.
            training: Whether dropout applies.

        Returns:
            Features `(batch, steps, output_dim)`, logits of p `(batch, steps, 1)` and
            attention `(batch, steps, timesteps)`.
        """
        x, memory, ends = inputs
        fixed, state = self.begin(memory, ends, document_mask)
        steps = tf.shape(x)[1]
        read = tf.TensorArray(x.dtype, steps).unstack(tf.transpose(x, [1, 0, 2]))
        written = [tf.TensorArray(x.dtype, steps) for _ in range(3)]

        def body(t, state, written):
            attention, state = self.step(read.read(t), state, fixed)
            row = (attention, state["h"], state["context"])
            written = [a.write(t, part) for a, part in zip(written, row, strict=True)]
            return t + 1, state, written

        *_, written = tf.while_loop(
            lambda t, *_: t < steps, body, (0, state, written), maximum_iterations=steps
        )
        attention, h, context = (tf.transpose(a.stack(), [1, 0, 2]) for a in written)
        h = tf.ensure_shape(h, [None, None, self.units])
        context = tf.ensure_shape(context, [None, None, self.memory_dim])
        features, logit = self.outputs(x, h, context, training)
        return features, logit, attention

    def compute_mask(self, inputs, previous_mask):
        """Returns no mask: a summary's padding is a matter of the loss."""
        return None

    def compute_output_spec(self, inputs, document_mask, training=False):
        """Returns the symbolic outputs."""
        batch, steps = inputs[0].shape[:2]
        sizes = (self.output_dim, 1, inputs[1].shape[1])
        return tuple(keras.KerasTensor((batch, steps, n), "float32") for n in sizes)

    def get_config(self):
        """Returns the arguments that make this layer again."""
        return {
            **super().get_config(),
            "units": self.units,
            "output_dim": self.output_dim,
            "coverage": self.coverage,
            "dropout": self.dropout,
        }


def build_model(
    vocabulary_size, embedding_dim, units, embedding_dropout, dropout, coverage
):
    """Returns an uncompiled model from a document and a summary to logits.

    Args:
        vocabulary_size: Number of token ids; 0 is padding and masked.
        embedding_dim: Size of a token's vector, the same in document, summary and
            softmax.
        units: Units of the decoder, and of each direction of the encoder.
        embedding_dropout: Fraction of the vectors' features dropped, the same for all
            tokens of a text.
        dropout: Fraction of the document's states and of the decoder's features
            dropped.
        coverage: Whether attention knows what it attended to before.

    Returns:
        A model from `[token_ids (batch, timesteps), before (batch, steps)]`, the
        summary's tokens each one step late, to `[logits (batch, steps,
        vocabulary_size), writes (batch, steps, 1), attention (batch, steps,
        timesteps)]`, `writes` being the logit of writing a token, not copying it.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    before = keras.Input((None,), dtype="int32", name="before")
    embedding = TiedEmbedding(vocabulary_size, embedding_dim, 0.0, name="embedding")
    drop = keras.layers.SpatialDropout1D(embedding_dropout)
    encoder = keras.layers.Bidirectional(
        LSTM(units, return_sequences=True, return_state=True, name="encoder"),
        name="encoder",
    )
    memory, ends, mask = _read(token_ids, lambda ids: drop(embedding(ids)), encoder)
    memory = keras.layers.Dropout(dropout)(memory)
    decoder = AttentionDecoder(units, embedding_dim, coverage, dropout, name="decoder")
    features, writes, attention = decoder(
        [drop(embedding(before)), memory, ends], document_mask=mask
    )
    logits = embedding(features, reverse=True)
    return keras.Model(
        [token_ids, before], [logits, writes, attention], name="summarization"
    )


def log_probabilities(outputs, copy_ids, targets):
    """Returns the log-probability of each target, written or copied.

    Args:
        outputs: What the model returns.
        copy_ids: The document's ids in the vocabulary extended by its own tokens,
            `(batch, timesteps)`.
        targets: Ids in that vocabulary, `(batch, steps)`.

    Returns:
        float32 `(batch, steps)`.
    """
    logits, writes, attention = outputs
    vocabulary_size = logits.shape[-1]
    known = tf.where(targets < vocabulary_size, targets, UNKNOWN_ID)
    rows = tf.reshape(logits, [-1, vocabulary_size])
    written = -tf.reshape(cross_entropy(rows, tf.reshape(known, [-1])), tf.shape(known))
    written = tf.where(targets < vocabulary_size, written, MASKED)
    same = targets[:, :, tf.newaxis] == copy_ids[:, tf.newaxis, :]
    copied = tf.reduce_sum(tf.where(same, attention, 0.0), axis=-1)
    writes = writes[..., 0]
    written = tf.math.log_sigmoid(writes) + written
    copied = tf.math.log_sigmoid(-writes) + tf.math.log(copied + SMALLEST)
    return tf.reduce_logsumexp(tf.stack([written, copied]), axis=0)


def _read(token_ids, embedding, encoder):
    """Returns the document's states, the encoder's last ones, and where tokens are."""
    mask = ops.not_equal(token_ids, PADDING_ID)
    memory, *ends = encoder(embedding(token_ids), mask=mask)
    h_forward, c_forward, h_backward, c_backward = ends
    ends = [h_forward, h_backward, c_forward, c_backward]
    return memory, ops.concatenate(ends, axis=-1), mask


def encode(model, token_ids):
    """Reads documents, `(batch, timesteps)`; returns what the decoder begins with."""
    layers = [model.get_layer(name) for name in ("embedding", "encoder")]
    return model.get_layer("decoder").begin(*_read(token_ids, *layers))


def build_step(model, fixed, copy_ids):
    """Returns a step function for `decode.search`.

    Args:
        model: What `build_model` returns.
        fixed: What `encode` returned, its rows repeated for each hypothesis.
        copy_ids: The documents' ids in their extended vocabularies, repeated as well.

    Returns:
        A function from token ids `(rows,)` and a state to log-probabilities of the
        extended vocabulary `(rows, vocabulary_size + timesteps)` and the state.
    """
    embedding, decoder = model.get_layer("embedding"), model.get_layer("decoder")
    size = embedding.vocabulary_size
    rows, timesteps = tf.unstack(tf.shape(copy_ids))
    places = tf.stack(
        [tf.repeat(tf.range(rows), timesteps), tf.reshape(copy_ids, [-1])], axis=1
    )
    never = tf.one_hot(UNKNOWN_ID, size + timesteps, on_value=MASKED, off_value=0.0)

    def step(ids, state):
        x = embedding(tf.where(ids < size, ids, UNKNOWN_ID))
        attention, state = decoder.step(x, state, fixed)
        features, writes = decoder.outputs(x, state["h"], state["context"])
        written = tf.nn.softmax(embedding(features, reverse=True))
        writes = tf.sigmoid(writes)
        copied = tf.scatter_nd(
            places,
            tf.reshape((1 - writes) * attention, [-1]),
            [rows, size + timesteps],
        )
        written = tf.pad(writes * written, [[0, 0], [0, timesteps]])
        return tf.math.log(written + copied + SMALLEST) + never, state

    return step
