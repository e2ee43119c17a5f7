"""Two readers: of stories, with a list of answers, and of passages, which hold them."""

import keras
from keras import ops

from apps.common.embedding import WordEmbedding
from apps.common.text import PADDING_ID, UNKNOWN_ID
from lstm_layer import LSTM, LSTMCell
from lstm_layer.cell import PACKAGE

NOT_HERE = -1e9  # logit of padding


def build_model(
    vocabulary_size,
    trained_tokens,
    num_classes,
    embedding_dim,
    embedding_dropout,
    units,
    num_layers,
    dropout,
    hops,
):
    """Returns an uncompiled model from a context and a question to logits.

    Args:
        vocabulary_size: Number of token ids; 0 is padding and masked, those above are
            unknown tokens, of which the model knows whether two are the same.
        trained_tokens: Token ids below it have vectors that are trained.
        num_classes: Number of answers to stories; 0 for a reader of passages.
        embedding_dim: Size of a token's vector.
        embedding_dropout: Fraction of the vectors' features dropped, the same for all
            tokens of a text.
        units: Units of each LSTM, one for each direction.
        num_layers: Bidirectional layers over the sentences of a story, or over the
            tokens of a passage.
        dropout: Fraction dropped before each LSTM and before the logits.
        hops: Times that the reader of stories looks for a fact.

    Returns:
        A model from `{"context", "question"}`, the question `(batch, steps)`, to
        `[logits, attention]`. For stories the context is `(batch, sentences, words)`,
        logits are `(batch, num_classes)` and attention, each hop's over the sentences,
        `(batch, hops, sentences)`. For passages the context is `(batch, timesteps)`,
        logits of the first and the last token of the answer `(batch, 2, timesteps)`,
        and attention, each token's over the question, `(batch, timesteps, steps)`.
    """
    question = keras.Input((None,), dtype="int32", name="question")
    shape = (None, None) if num_classes else (None,)
    context = keras.Input(shape, dtype="int32", name="context")
    embedding = WordEmbedding(
        vocabulary_size, embedding_dim, trained_tokens, name="embedding"
    )

    def embedded(token_ids):
        known = ops.less(token_ids, vocabulary_size)
        return embedding(ops.where(known, token_ids, UNKNOWN_ID))

    asked = keras.layers.SpatialDropout1D(embedding_dropout)(embedded(question))
    if num_classes:
        outputs = _stories(
            *(context, question, embedded, asked, num_classes),
            *(embedding_dropout, units, num_layers, dropout, hops),
        )
    else:
        outputs = _passages(
            *(context, question, embedded, asked),
            *(embedding_dropout, units, num_layers, dropout),
        )
    return keras.Model(
        {"context": context, "question": question}, outputs, name="question_answering"
    )


def _stories(
    context,
    question,
    embedded,
    asked,
    num_classes,
    embedding_dropout,
    units,
    num_layers,
    dropout,
    hops,
):
    mask = ops.any(ops.not_equal(context, PADDING_ID), axis=-1)
    same = Occurs(name="occurs")([context, question])
    x = keras.layers.Concatenate()([embedded(context), same])
    x = SentenceReader(units, embedding_dropout, name="sentences")([x, context])
    q = LSTM(units, name="question_reader")(asked, mask=_tokens(question))
    for number in range(num_layers):
        # Each sentence beside the question: what to keep depends on what is asked.
        x = keras.layers.Dense(units, name=f"mixed_{number + 1}")(x)
        each = ops.zeros_like(x) + q[:, None]
        x = keras.layers.Concatenate()([x, x * each, each])
        lstm = LSTM(units, return_sequences=True, name=f"story_{number + 1}")
        around = keras.layers.Bidirectional(lstm)
        x = around(keras.layers.Dropout(dropout)(x), mask=mask)
    x = keras.layers.Dropout(dropout)(x)
    q, attention = FactFinder(units, hops, name="facts")([x, q], fact_mask=mask)
    strongest = ops.max(ops.where(mask[..., None], x, NOT_HERE), axis=1)
    x = keras.layers.Concatenate()([q, strongest])
    logits = keras.layers.Dense(num_classes, name="logits")(
        keras.layers.Dropout(dropout)(x)
    )
    return [logits, attention]


def _passages(
    context, question, embedded, asked, embedding_dropout, units, num_layers, dropout
):
    mask, question_mask = _tokens(context), _tokens(question)
    x = keras.layers.SpatialDropout1D(embedding_dropout)(embedded(context))
    aligned, attention = Alignment(units, name="alignment")(
        [x, asked], question_mask=question_mask
    )
    same = Occurs(name="occurs")([context, question])
    x = keras.layers.Concatenate()([x, aligned, same])
    for number in range(num_layers):
        lstm = LSTM(units, return_sequences=True, name=f"passage_{number + 1}")
        x = keras.layers.Dropout(dropout)(x)
        x = keras.layers.Bidirectional(lstm)(x, mask=mask)
        lstm = LSTM(units, return_sequences=True, name=f"question_{number + 1}")
        asked = keras.layers.Dropout(dropout)(asked)
        asked = keras.layers.Bidirectional(lstm)(asked, mask=question_mask)
    weights = keras.layers.Dense(1, use_bias=False, name="question_weights")(asked)[
        ..., 0
    ]
    weights = ops.softmax(ops.where(question_mask, weights, NOT_HERE))
    q = ops.einsum("bs,bsu->bu", weights, asked)
    x = keras.layers.Dropout(dropout)(x)
    ends = []
    for name in ("first", "last"):
        asked_for = keras.layers.Dense(2 * units, name=name)(q)
        logits = ops.einsum("btu,bu->bt", x, asked_for)
        ends.append(ops.where(mask, logits, NOT_HERE))
    return [ops.stack(ends, axis=1), attention]


def _tokens(token_ids):
    return ops.not_equal(token_ids, PADDING_ID)


class _Masked(keras.layers.Layer):
    """A layer that is told where padding is, and hands no mask on."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs, previous_mask):
        """Returns no mask."""
        return None


@keras.saving.register_keras_serializable(package=PACKAGE)
class SentenceReader(_Masked):
    """Reads each sentence of a story with the same LSTM.

    Embedded words `(batch, sentences, words, features)` and their ids become
    `(batch, sentences, units)`, zeros for a sentence of padding.
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
        """Reads `[embedded words, token_ids]`."""
        x, token_ids = inputs
        batch, sentences, words = ops.shape(token_ids)
        x = ops.reshape(x, (-1, words, x.shape[-1]))  # (batch * sentences, words, ...)
        mask = _tokens(ops.reshape(token_ids, (-1, words)))
        x = self.lstm(self.drop(x, training=training), mask=mask, training=training)
        return ops.reshape(x, (batch, sentences, self.units))

    def compute_output_spec(self, inputs, training=False):
        """Returns the symbolic output."""
        return keras.KerasTensor((*inputs[1].shape[:2], self.units), self.compute_dtype)

    def get_config(self):
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "units": self.units, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package=PACKAGE)
class FactFinder(_Masked):
    """Looks for facts, one after the other, each depending on those found before.

    With the facts m_1 ... m_S and the question q_0, at each hop k::

        e_kj   = v . tanh(m_j W_m + q_{k-1} W_q + b)
        a_k    = sum_j softmax(e_k)_j m_j
        q_k, c = LSTMCell(a_k, [q_{k-1}, c])

    Source: the hops: Sukhbaatar et al. 2015, "End-to-end memory networks"; attention:
    Bahdanau, Cho and Bengio 2015.
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
        """Returns q_K `(batch, units)` and the softmax of each hop.

        Args:
            inputs: `[m (batch, sentences, features), q_0 (batch, units)]`.
            fact_mask: True where there is a sentence, `(batch, sentences)`.
        """
        m, q = inputs
        keys, c, attention = self.keys(m), ops.zeros_like(q), []
        for _ in range(self.hops):
            scores = self.score(ops.tanh(keys + self.query(q)[:, None]))[..., 0]
            attention.append(ops.softmax(ops.where(fact_mask, scores, NOT_HERE)))
            found = ops.einsum("bs,bsf->bf", attention[-1], m)
            q, (_, c) = self.cell(found, [q, c])
        return q, ops.stack(attention, axis=1)

    def get_config(self):
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "units": self.units, "hops": self.hops}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Alignment(_Masked):
    """Gives each token of a passage the words of the question that are like it.

    The weight of a word is the softmax of relu(x W) . relu(q W) (Chen et al. 2017,
    "Reading Wikipedia to answer open-domain questions").
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
        """Returns the weighted words `(batch, timesteps, features)` and the weights.

        Args:
            inputs: `[x (batch, timesteps, features), q (batch, steps, features)]`.
            question_mask: True where the question has a word, `(batch, steps)`.
        """
        x, q = inputs
        scores = ops.einsum("btu,bsu->bts", self.project(x), self.project(q))
        weights = ops.softmax(ops.where(question_mask[:, None], scores, NOT_HERE))
        return ops.einsum("bts,bsf->btf", weights, q), weights

    def get_config(self):
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Occurs(_Masked):
    """Tells where a context has a word of the question: 1, else 0."""

    def call(self, inputs):
        """Takes ids `[(batch, ...), (batch, steps)]`; returns `(batch, ..., 1)`."""
        context, question = inputs
        for _ in range(context.ndim - 1):
            question = ops.expand_dims(question, 1)
        same = ops.any(ops.equal(context[..., None], question), axis=-1)
        known = ops.greater(context, UNKNOWN_ID)
        same = ops.logical_and(same, known)
        return ops.cast(ops.expand_dims(same, -1), self.compute_dtype)
