"""Builds two models: stories classify the answer, passages predict its span."""

import keras
from keras import ops

from apps.common.layers.embedding import WordEmbedding
from apps.common.portable.masking import MASKED
from apps.common.portable.patterns import UNKNOWN_ID
from apps.question_answering.layers import (
    Alignment,
    FactFinder,
    Links,
    Occurs,
    SentenceReader,
    is_token,
)
from lstm_layer import LSTM

SPREAD = 0.9  # of random vectors; with small ones the first epochs learn nothing


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
        vocabulary_size: Number of token ids; 0 is padding and masked. Larger ids are
            unknown tokens that only exact match compares.
        trained_tokens: Number of token ids, the first ones, whose vectors are trained.
        num_classes: Number of answers to stories; 0 builds the model for passages.
        embedding_dim: Size of a token's vector.
        embedding_dropout: Fraction of the embedding's features dropped in training, the
            same for all tokens of a question, a passage or a story's sentence.
        units: Units of each LSTM.
        num_layers: Number of bidirectional LSTM layers, over the sentences of a story
            or the tokens of a passage.
        dropout: Fraction dropped in training before each of these layers and before
            the logits.
        hops: Number of attention hops over the sentences of a story.

    Returns:
        A model from `{"context", "question"}` to `[logits, attention]`; the question is
        `(batch, steps)`.

        For stories the context is `(batch, sentences, words)`. Logits are `(batch,
        num_classes)`, and the attention of each hop to the sentences `(batch, hops,
        sentences)`.

        For passages the context is `(batch, timesteps)`. Logits of the answer's first
        and last token are `(batch, 2, timesteps)`, and the attention of each token to
        the question `(batch, timesteps, steps)`.
    """
    question = keras.Input((None,), dtype="int32", name="question")
    shape = (None, None) if num_classes else (None,)
    context = keras.Input(shape, dtype="int32", name="context")
    embedding = WordEmbedding(
        vocabulary_size, embedding_dim, trained_tokens, SPREAD, name="embedding"
    )

    def embedded(token_ids):
        known = ops.less(token_ids, vocabulary_size)
        return embedding(ops.where(known, token_ids, UNKNOWN_ID))

    q = keras.layers.SpatialDropout1D(embedding_dropout)(embedded(question))
    if num_classes:
        outputs = _stories(
            *(context, question, embedded, q, num_classes),
            *(embedding_dropout, units, num_layers, dropout, hops),
        )
    else:
        outputs = _passages(
            *(context, question, embedded, q),
            *(embedding_dropout, units, num_layers, dropout),
        )
    return keras.Model(
        {"context": context, "question": question}, outputs, name="question_answering"
    )


def _stories(
    context,
    question,
    embedded,
    q,
    num_classes,
    embedding_dropout,
    units,
    num_layers,
    dropout,
    hops,
):
    mask = ops.any(is_token(context), axis=-1)
    matches = Occurs(name="occurs")([context, question])
    words = embedded(context)
    x = keras.layers.Concatenate()([words, matches])
    x = SentenceReader(units, embedding_dropout, name="sentences")([x, context])
    linked = [
        Links(earlier=True, name="links_before")([x, words, context]),
        Links(earlier=False, name="links_last")([x, words, context]),
    ]
    x = keras.layers.Concatenate()([x, *linked])
    q = LSTM(units, name="question_reader")(q, mask=is_token(question))
    for number in range(num_layers):
        # With the question at each sentence, the LSTM can keep what answers it.
        x = keras.layers.Dense(units, name=f"mixed_{number + 1}")(x)
        repeated_q = ops.zeros_like(x) + q[:, None]
        x = keras.layers.Concatenate()([x, x * repeated_q, repeated_q])
        lstm = LSTM(units, return_sequences=True, name=f"story_{number + 1}")
        bidirectional = keras.layers.Bidirectional(lstm)
        x = bidirectional(keras.layers.Dropout(dropout)(x), mask=mask)
    x = keras.layers.Dropout(dropout)(x)
    q, attention = FactFinder(units, hops, name="facts")([x, q], fact_mask=mask)
    maximum = ops.max(ops.where(mask[..., None], x, MASKED), axis=1)
    x = keras.layers.Concatenate()([q, maximum])
    logits = keras.layers.Dense(num_classes, name="logits")(
        keras.layers.Dropout(dropout)(x)
    )
    return [logits, attention]


def _passages(
    context, question, embedded, q, embedding_dropout, units, num_layers, dropout
):
    mask, question_mask = is_token(context), is_token(question)
    x = keras.layers.SpatialDropout1D(embedding_dropout)(embedded(context))
    aligned, attention = Alignment(units, name="alignment")(
        [x, q], question_mask=question_mask
    )
    matches = Occurs(name="occurs")([context, question])
    x = keras.layers.Concatenate()([x, aligned, matches])
    for number in range(num_layers):
        lstm = LSTM(units, return_sequences=True, name=f"passage_{number + 1}")
        x = keras.layers.Dropout(dropout)(x)
        x = keras.layers.Bidirectional(lstm)(x, mask=mask)
        lstm = LSTM(units, return_sequences=True, name=f"question_{number + 1}")
        q = keras.layers.Dropout(dropout)(q)
        q = keras.layers.Bidirectional(lstm)(q, mask=question_mask)
    weights = keras.layers.Dense(1, use_bias=False, name="question_weights")(q)[..., 0]
    weights = ops.softmax(ops.where(question_mask, weights, MASKED))
    q = ops.einsum("bs,bsu->bu", weights, q)
    x = keras.layers.Dropout(dropout)(x)
    span_logits = []
    for name in ("first", "last"):
        query = keras.layers.Dense(2 * units, name=name)(q)
        logits = ops.einsum("btu,bu->bt", x, query)
        span_logits.append(ops.where(mask, logits, MASKED))
    return [ops.stack(span_logits, axis=1), attention]
