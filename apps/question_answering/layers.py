"""Attention and matching layers of the two question answering models."""

import keras
from keras import ops

from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import PADDING_ID, UNKNOWN_ID
from lstm_layer import LSTM, LSTMCell
from lstm_layer.package import PACKAGE


def is_token(token_ids):
    """Returns the padding mask: True for a token, False for padding."""
    return ops.not_equal(token_ids, PADDING_ID)


class _Masked(keras.layers.Layer):
    """Base of layers that take masks as inputs and return none."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs, previous_mask):
        """Returns no mask."""
        return None


@keras.saving.register_keras_serializable(package=PACKAGE)
class SentenceReader(_Masked):
    """Encodes each sentence of a story as the last output of one shared LSTM.

    From embedded words `(batch, sentences, words, features)` and their ids it computes
    `(batch, sentences, units)`; a sentence of padding gives zeros.

    Args:
        units: Units of the LSTM.
        dropout: Fraction of the features dropped in training, the same for all words of
            a sentence.
    """

    def __init__(self, units, dropout, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dropout = units, dropout
        self.lstm = LSTM(units, name="sentence_reader")
        self.drop = keras.layers.SpatialDropout1D(dropout)

    def build(self, input_shape):
        """Creates the weights."""
        self.lstm.build((None, None, input_shape[0][-1]))
        self.built = True

    def call(self, inputs, training=False):
        """Takes `[embedded words, token_ids]`; returns `(batch, sentences, units)`."""
        x, token_ids = inputs
        batch, sentences, words = ops.shape(token_ids)
        x = ops.reshape(x, (-1, words, x.shape[-1]))  # (batch * sentences, words, ...)
        mask = is_token(ops.reshape(token_ids, (-1, words)))
        x = self.lstm(self.drop(x, training=training), mask=mask, training=training)
        return ops.reshape(x, (batch, sentences, self.units))

    def compute_output_spec(self, inputs, training=False):
        """Returns the symbolic output."""
        return keras.KerasTensor((*inputs[1].shape[:2], self.units), self.compute_dtype)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "units": self.units, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Links(_Masked):
    r"""Attends from each sentence to others that mention the same entities.

    A learned coreference. With the unit vectors e_w of sentence j's words, and the
    sentence's encoding x_j::

        k_j  = sum_w sigmoid(e_w . v + b) e_w          key: the entities mentioned
        s_jt = g k_j . k_t + x_t . u - d |j - t|       t < j, if `earlier`
        s_jt = g k_j . k_t + x_t . u + d t             else, for t != j
        y_j  = sum_t softmax([0, s_j])_t x_t

    So "Mary took the milk" can attend to the sentence that says where Mary is. The 0 in
    the softmax lets a sentence attend to none. v, b, u, g and d are learned. Source of
    linking mentions: Dhingra et al. 2018, "Neural models for reasoning over multiple
    mentions using coreference", with an external coreference tool.

    Args:
        earlier: True attends to earlier sentences only and prefers near ones; False
            attends to all other sentences and prefers late ones.
    """

    def __init__(self, earlier, **kwargs):
        super().__init__(**kwargs)
        self.earlier = earlier
        self.salience = keras.layers.Dense(1, activation="sigmoid")
        self.worth = keras.layers.Dense(1, use_bias=False)

    def build(self, input_shape):
        """Creates the weights."""
        (*_, units), (*_, embedding_dim) = input_shape[:2]
        self.salience.build((None, None, None, embedding_dim))
        self.worth.build((None, None, units))
        for name, value in (("sharpness", 3.0), ("decay", 0.1)):
            constant = keras.initializers.Constant(value)
            weight = self.add_weight(name=name, shape=(), initializer=constant)
            setattr(self, name, weight)
        self.built = True

    def call(self, inputs):
        """Returns y `(batch, sentences, units)`.

        Args:
            inputs: `[x (batch, sentences, units), embedded words (batch, sentences,
                words, embedding_dim), token_ids (batch, sentences, words)]`.
        """
        x, embedded, token_ids = inputs
        mask = is_token(token_ids)
        salience = self.salience(embedded) * ops.cast(mask, x.dtype)[..., None]
        keys = ops.sum(salience * ops.normalize(embedded, axis=-1), axis=2)
        position = ops.arange(ops.shape(x)[1])
        allowed = ops.any(mask, axis=-1)[:, None, :]
        distance = ops.expand_dims(position, 1) - position  # from t to j
        if self.earlier:
            nearness = -distance
            allowed = ops.logical_and(allowed, distance > 0)
        else:
            nearness = ops.expand_dims(position, 0)
            allowed = ops.logical_and(allowed, ops.not_equal(distance, 0))
        scores = self.sharpness * ops.einsum("bjf,btf->bjt", keys, keys)
        scores += self.worth(x)[:, None, :, 0]
        scores += self.decay * ops.cast(nearness, x.dtype)
        scores = ops.where(allowed, scores, MASKED)
        scores = ops.pad(scores, ((0, 0), (0, 0), (1, 0)))
        return ops.einsum("bjt,btu->bju", ops.softmax(scores)[..., 1:], x)

    def compute_output_spec(self, inputs):
        """Returns the symbolic output."""
        return keras.KerasTensor(inputs[0].shape, self.compute_dtype)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "earlier": self.earlier}


@keras.saving.register_keras_serializable(package=PACKAGE)
class FactFinder(_Masked):
    """Multi-hop attention: each hop attends to the sentences with an updated query.

    With the sentences m_1 ... m_S and the question q_0, at each hop k::

        e_kj   = v . tanh(m_j W_m + q_{k-1} W_q + b)
        a_k    = sum_j softmax(e_k)_j m_j
        q_k, c = LSTMCell(a_k, [q_{k-1}, c])

    Source: the hops: Sukhbaatar et al. 2015, "End-to-end memory networks"; attention:
    Bahdanau, Cho and Bengio 2015.

    Args:
        units: Units of the attention and of the cell; the size of q.
        hops: Number of hops K.
    """

    def __init__(self, units, hops, **kwargs):
        super().__init__(**kwargs)
        self.units, self.hops = units, hops
        self.keys = keras.layers.Dense(units)
        self.query = keras.layers.Dense(units, use_bias=False)
        self.score = keras.layers.Dense(1, use_bias=False)
        self.cell = LSTMCell(units)

    def build(self, input_shape):
        """Creates the weights."""
        (*_, features), (_, units) = input_shape
        self.keys.build((None, None, features))
        self.query.build((None, units))
        self.score.build((None, None, units))
        self.cell.build((None, features))
        self.built = True

    def call(self, inputs, fact_mask):
        """Returns q_K `(batch, units)` and the attention `(batch, hops, sentences)`.

        Args:
            inputs: `[m (batch, sentences, features), q_0 (batch, units)]`.
            fact_mask: True where there is a sentence, `(batch, sentences)`.
        """
        m, q = inputs
        keys, c, attention = self.keys(m), ops.zeros_like(q), []
        for _ in range(self.hops):
            scores = self.score(ops.tanh(keys + self.query(q)[:, None]))[..., 0]
            attention.append(ops.softmax(ops.where(fact_mask, scores, MASKED)))
            a = ops.einsum("bs,bsf->bf", attention[-1], m)
            q, (_, c) = self.cell(a, [q, c])
        return q, ops.stack(attention, axis=1)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "units": self.units, "hops": self.hops}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Alignment(_Masked):
    """Attends from each token of a passage to the words of the question.

    The aligned question embedding of DrQA: the weights are the softmax over the words
    of relu(x W) . relu(q W). Source: Chen et al. 2017, "Reading Wikipedia to answer
    open-domain questions".

    Args:
        units: Size of the projection W.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.project = keras.layers.Dense(units, activation="relu")

    def build(self, input_shape):
        """Creates the weights."""
        self.project.build((None, None, input_shape[0][-1]))
        self.built = True

    def call(self, inputs, question_mask):
        """Returns the aligned words `(batch, timesteps, features)` and the weights.

        Args:
            inputs: `[x (batch, timesteps, features), q (batch, steps, features)]`.
            question_mask: True where the question has a word, `(batch, steps)`.
        """
        x, q = inputs
        scores = ops.einsum("btu,bsu->bts", self.project(x), self.project(q))
        weights = ops.softmax(ops.where(question_mask[:, None], scores, MASKED))
        return ops.einsum("bts,bsf->btf", weights, q), weights

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Occurs(_Masked):
    """Exact match (DrQA): 1 for a token that also occurs in the question, else 0.

    Padding and the unknown token never match.
    """

    def call(self, inputs):
        """Takes ids `[(batch, ...), (batch, steps)]`; returns `(batch, ..., 1)`."""
        context, question = inputs
        for _ in range(context.ndim - 1):
            question = ops.expand_dims(question, 1)
        same = ops.any(ops.equal(context[..., None], question), axis=-1)
        known = ops.greater(context, UNKNOWN_ID)
        same = ops.logical_and(same, known)
        return ops.cast(ops.expand_dims(same, -1), self.compute_dtype)
