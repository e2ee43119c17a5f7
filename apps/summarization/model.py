"""Builds the summarizer, a pointer-generator network.

Source: See, Liu and Manning 2017, "Get to the point".
"""

import keras
import tensorflow as tf
from keras import ops

from apps.common.layers.embedding import TiedEmbedding, cross_entropy
from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import PADDING_ID, UNKNOWN_ID
from lstm_layer import LSTM, LSTMCell
from lstm_layer.package import PACKAGE

SMALLEST = 1e-9  # added to a probability before its logarithm


@keras.saving.register_keras_serializable(package=PACKAGE)
class AttentionDecoder(keras.layers.Layer):
    r"""Decodes with an LSTM cell that attends to the document at each step.

    With the embedded token x_t and the encoder's outputs m_1 ... m_T::

        h_0, c_0  = tanh(h_e W_0 + b_0), c_e W_1 + b_1  (h_e, c_e: encoder's last state)
        h_t, c_t  = LSTMCell([x_t, a_{t-1}], [h_{t-1}, c_{t-1}])
        e_tj      = v . tanh(m_j W_m + h_t W_h + g_tj w_g + b)
        alpha_t   = softmax(e_t)                        attention
        a_t       = sum_j alpha_tj m_j                  context, an input at t + 1
        g_{t+1}   = g_t + alpha_t                       coverage
        y_t       = tanh([h_t, a_t] W_y + b_y)          features for the softmax
        p_gen_t   = sigmoid([h_t, a_t, x_t] w_p + b_p)  probability to generate a token

    Source: attention: Bahdanau, Cho and Bengio 2015; the rest: See et al. 2017.

    Args:
        units: Units of the cell and of the attention.
        output_dim: Size of y_t.
        coverage: Whether e_t depends on the coverage g_t.
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
        self.supports_masking = True  # the mask is `document_mask`

    def build(self, input_shape):
        """Creates the weights, from the shapes of `inputs` of `call`."""
        (*_, features), (*_, memory), (_, final_states) = input_shape
        self.cell.build((None, features + memory))
        self.initial_h.build((None, final_states // 2))
        self.initial_c.build((None, final_states // 2))
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

    def begin(self, memory, final_states, document_mask):
        """Returns the tensors that all steps share, and the initial state.

        Args:
            memory: The encoder's outputs, `(batch, timesteps, memory_dim)`.
            final_states: The encoder's last `[h, h, c, c]` of both directions,
                concatenated.
            document_mask: True for a token, False for padding, `(batch, timesteps)`.
        """
        h, c = ops.split(final_states, 2, axis=-1)
        state = {
            "h": self.initial_h(h),
            "c": self.initial_c(c),
            "context": ops.zeros_like(memory[:, 0]),
            "coverage": ops.zeros_like(memory[:, :, 0]),
        }
        bias = ops.where(document_mask, 0.0, MASKED)
        return {"memory": memory, "keys": self.keys(memory), "bias": bias}, state

    def step(self, x, state, fixed):
        """Takes one step; returns attention `(batch, timesteps)` and the new state.

        Args:
            x: Embedded token, `(batch, features)`.
            state: State from `begin` or the previous step.
            fixed: Shared tensors from `begin`.
        """
        inputs = ops.concatenate([x, state["context"]], axis=-1)
        h, (_, c) = self.cell(inputs, [state["h"], state["c"]])
        sums = fixed["keys"] + self.query(h)[:, None]  # (batch, timesteps, units)
        if self.coverage:
            sums = sums + state["coverage"][..., None] * self.w_g
        scores = ops.matmul(ops.tanh(sums), self.v[:, None])[..., 0] + fixed["bias"]
        attention = ops.softmax(scores)
        context = ops.einsum("bt,btm->bm", attention, fixed["memory"])
        coverage = state["coverage"] + attention
        return attention, {"h": h, "c": c, "context": context, "coverage": coverage}

    def outputs(self, x, h, context, training=False):
        """Returns features for the softmax, and `p_gen_logit` `(..., 1)`."""
        both = ops.concatenate([h, context], axis=-1)
        features = self.drop(self.features(both), training=training)
        return features, self.writes(ops.concatenate([both, x], axis=-1))

    def call(self, inputs, document_mask, training=False):
        """Decodes a whole summary with teacher forcing.

        Args:
            inputs: `[x (batch, steps, features), memory, final_states]`.
            document_mask: Mask of `begin`.
            training: Whether dropout is active.

        Returns:
            Features `(batch, steps, output_dim)`, `p_gen_logit` `(batch, steps, 1)` and
            attention `(batch, steps, timesteps)`.
        """
        x, memory, final_states = inputs
        fixed, state = self.begin(memory, final_states, document_mask)
        steps = tf.shape(x)[1]
        tokens = tf.TensorArray(x.dtype, steps).unstack(tf.transpose(x, [1, 0, 2]))
        arrays = [tf.TensorArray(x.dtype, steps) for _ in range(3)]

        def body(t, state, arrays):
            attention, state = self.step(tokens.read(t), state, fixed)
            row = (attention, state["h"], state["context"])
            arrays = [a.write(t, part) for a, part in zip(arrays, row, strict=True)]
            return t + 1, state, arrays

        *_, arrays = tf.while_loop(
            lambda t, *_: t < steps, body, (0, state, arrays), maximum_iterations=steps
        )
        attention, h, context = (tf.transpose(a.stack(), [1, 0, 2]) for a in arrays)
        h = tf.ensure_shape(h, [None, None, self.units])
        context = tf.ensure_shape(context, [None, None, self.memory_dim])
        features, p_gen_logit = self.outputs(x, h, context, training)
        return features, p_gen_logit, attention

    def compute_mask(self, inputs, previous_mask):
        """Returns no mask: the loss masks a summary's padding."""
        return None

    def compute_output_spec(self, inputs, document_mask, training=False):
        """Returns the symbolic outputs."""
        batch, steps = inputs[0].shape[:2]
        sizes = (self.output_dim, 1, inputs[1].shape[1])
        return tuple(keras.KerasTensor((batch, steps, n), "float32") for n in sizes)

    def get_config(self):
        """Returns the constructor's arguments."""
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
        embedding_dim: Size of a token's vector, shared by encoder, decoder and softmax.
        units: Units of the decoder, and of each of the encoder's two LSTMs.
        embedding_dropout: Fraction of the embedding's features dropped in training, the
            same for all tokens of a text.
        dropout: Fraction of the encoder's outputs and of the decoder's features dropped
            in training.
        coverage: Whether attention depends on the sum of the attention at earlier
            steps.

    Returns:
        A model from `[token_ids (batch, timesteps), decoder_inputs (batch, steps)]` to
        `[logits (batch, steps, vocabulary_size), p_gen_logit (batch, steps, 1),
        attention (batch, steps, timesteps)]`. Decoder inputs are the summary's tokens
        shifted by one step. `p_gen_logit` is the logit of the probability to generate a
        token, not copy it.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    decoder_inputs = keras.Input((None,), dtype="int32", name="before")
    embedding = TiedEmbedding(vocabulary_size, embedding_dim, 0.0, name="embedding")
    drop = keras.layers.SpatialDropout1D(embedding_dropout)
    encoder = keras.layers.Bidirectional(
        LSTM(units, return_sequences=True, return_state=True, name="encoder"),
        name="encoder",
    )
    memory, final_states, mask = _read(
        token_ids, lambda ids: drop(embedding(ids)), encoder
    )
    memory = keras.layers.Dropout(dropout)(memory)
    decoder = AttentionDecoder(units, embedding_dim, coverage, dropout, name="decoder")
    features, p_gen_logit, attention = decoder(
        [drop(embedding(decoder_inputs)), memory, final_states], document_mask=mask
    )
    logits = embedding(features, reverse=True)
    return keras.Model(
        [token_ids, decoder_inputs],
        [logits, p_gen_logit, attention],
        name="summarization",
    )


def log_probabilities(outputs, copy_ids, targets):
    """Returns the log-probability of each target, generated or copied.

    Args:
        outputs: Outputs of the model: logits, `p_gen_logit` and attention.
        copy_ids: The document's ids in its extended vocabulary, `(batch, timesteps)`.
        targets: Ids in the extended vocabulary, `(batch, steps)`.

    Returns:
        float32 `(batch, steps)`.
    """
    logits, p_gen_logit, attention = outputs
    vocabulary_size = logits.shape[-1]
    known = tf.where(targets < vocabulary_size, targets, UNKNOWN_ID)
    rows = tf.reshape(logits, [-1, vocabulary_size])
    losses = cross_entropy(rows, tf.reshape(known, [-1]))
    generated = -tf.reshape(losses, tf.shape(known))
    generated = tf.where(targets < vocabulary_size, generated, MASKED)
    same = targets[:, :, tf.newaxis] == copy_ids[:, tf.newaxis, :]
    copied = tf.reduce_sum(tf.where(same, attention, 0.0), axis=-1)
    p_gen_logit = p_gen_logit[..., 0]
    generated = tf.math.log_sigmoid(p_gen_logit) + generated
    copied = tf.math.log_sigmoid(-p_gen_logit) + tf.math.log(copied + SMALLEST)
    return tf.reduce_logsumexp(tf.stack([generated, copied]), axis=0)


def _read(token_ids, embedding, encoder):
    """Encodes documents; returns outputs, concatenated final states and mask."""
    mask = ops.not_equal(token_ids, PADDING_ID)
    memory, *final_states = encoder(embedding(token_ids), mask=mask)
    h_forward, c_forward, h_backward, c_backward = final_states
    final_states = [h_forward, h_backward, c_forward, c_backward]
    return memory, ops.concatenate(final_states, axis=-1), mask


def known_ids(ids, vocabulary_size):
    """Replaces ids of the extended vocabulary that the vocabulary lacks by unknown."""
    return tf.where(ids < vocabulary_size, ids, UNKNOWN_ID)


def encode(model, token_ids):
    """Encodes documents `(batch, timesteps)`; returns the outputs of `begin`."""
    layers = [model.get_layer(name) for name in ("embedding", "encoder")]
    return model.get_layer("decoder").begin(*_read(token_ids, *layers))


def build_step(model, fixed, copy_ids):
    """Returns a step function for `decode.search`.

    Args:
        model: Model of `build_model`.
        fixed: Shared tensors from `encode`, each row repeated for every hypothesis.
        copy_ids: The documents' ids in their extended vocabularies, repeated likewise.

    Returns:
        A function from token ids `(rows,)` and a state to log-probabilities over the
        extended vocabulary, `(rows, vocabulary_size + timesteps)`, and the new state.
    """
    embedding, decoder = model.get_layer("embedding"), model.get_layer("decoder")
    size = embedding.vocabulary_size
    rows, timesteps = tf.unstack(tf.shape(copy_ids))
    indices = tf.stack(
        [tf.repeat(tf.range(rows), timesteps), tf.reshape(copy_ids, [-1])], axis=1
    )
    never = tf.one_hot(UNKNOWN_ID, size + timesteps, on_value=MASKED, off_value=0.0)

    def step(ids, state):
        x = embedding(known_ids(ids, size))
        attention, state = decoder.step(x, state, fixed)
        features, p_gen_logit = decoder.outputs(x, state["h"], state["context"])
        generated = tf.nn.softmax(embedding(features, reverse=True))
        p_gen = tf.sigmoid(p_gen_logit)
        copied = tf.scatter_nd(
            indices,
            tf.reshape((1 - p_gen) * attention, [-1]),
            [rows, size + timesteps],
        )
        generated = tf.pad(p_gen * generated, [[0, 0], [0, timesteps]])
        return tf.math.log(generated + copied + SMALLEST) + never, state

    return step
