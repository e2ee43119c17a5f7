"""Two readers: of stories, with a list of answers, and of passages, which hold them."""

import keras
from keras import ops

from apps.common.data.text import UNKNOWN_ID
from apps.common.layers.embedding import WordEmbedding
from apps.common.layers.masking import MASKED
from apps.question_answering.layers import (
    Alignment,
    FactFinder,
    Links,
    Occurs,
    SentenceReader,
    is_token,
)
from lstm_layer import LSTM

SPREAD = 0.9  # of random vectors: with small ones the first epochs learn nothing


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
        vocabulary_size, embedding_dim, trained_tokens, SPREAD, name="embedding"
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
    mask = ops.any(is_token(context), axis=-1)
    same = Occurs(name="occurs")([context, question])
    words = embedded(context)
    x = keras.layers.Concatenate()([words, same])
    x = SentenceReader(units, embedding_dropout, name="sentences")([x, context])
    linked = [
        Links(earlier=True, name="links_before")([x, words, context]),
        Links(earlier=False, name="links_last")([x, words, context]),
    ]
    x = keras.layers.Concatenate()([x, *linked])
    q = LSTM(units, name="question_reader")(asked, mask=is_token(question))
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
    strongest = ops.max(ops.where(mask[..., None], x, MASKED), axis=1)
    x = keras.layers.Concatenate()([q, strongest])
    logits = keras.layers.Dense(num_classes, name="logits")(
        keras.layers.Dropout(dropout)(x)
    )
    return [logits, attention]


def _passages(
    context, question, embedded, asked, embedding_dropout, units, num_layers, dropout
):
    mask, question_mask = is_token(context), is_token(question)
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
    weights = ops.softmax(ops.where(question_mask, weights, MASKED))
    q = ops.einsum("bs,bsu->bu", weights, asked)
    x = keras.layers.Dropout(dropout)(x)
    ends = []
    for name in ("first", "last"):
        asked_for = keras.layers.Dense(2 * units, name=name)(q)
        logits = ops.einsum("btu,bu->bt", x, asked_for)
        ends.append(ops.where(mask, logits, MASKED))
    return [ops.stack(ends, axis=1), attention]
