"""Builds the sentiment classifier: embedding, LSTMs, pooling over time, logits."""

import keras

from apps.common.layers.embedding import WordEmbedding
from apps.common.layers.pooling import MaskedPooling
from apps.sentiment.bag_of_words import BagOfWords
from lstm_layer import LSTM


def build_model(
    vocabulary_size,
    num_classes,
    trained_tokens,
    embedding_dim,
    embedding_dropout,
    units,
    num_layers,
    direction,
    reader_units,
    dropout,
    pooling,
    bag_of_words,
):
    """Returns an uncompiled model from token ids to logits.

    Args:
        vocabulary_size: Number of token ids; 0 is padding and masked.
        num_classes: Number of labels.
        trained_tokens: Number of token ids, the first ones, whose vectors are trained.
        embedding_dim: Size of a token's vector.
        embedding_dropout: Fraction of the embedding's features dropped in training, the
            same for all tokens of a text.
        units: Units of each LSTM.
        num_layers: Number of LSTM layers.
        direction: "forward", one LSTM per layer, or "both", two.
        reader_units: Units of each LSTM of one more bidirectional layer after the
            others; 0 adds no layer.
        dropout: Fraction dropped in training after each layer and before the logits.
        pooling: "last", "mean", "max" or "attention" over time.
        bag_of_words: Whether to add the logits of a `BagOfWords`, which are 0 until it
            is fitted.

    Returns:
        A model from `token_ids` `(batch, timesteps)` to `logits`
        `(batch, num_classes)`.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = WordEmbedding(vocabulary_size, embedding_dim, trained_tokens, name="embedding")(
        token_ids
    )
    x = keras.layers.SpatialDropout1D(embedding_dropout)(x)
    for number in range(1, num_layers + 1):
        sequences = pooling != "last" or number < num_layers or reader_units > 0
        lstm = LSTM(units, return_sequences=sequences, name=f"lstm_{number}")
        x = (keras.layers.Bidirectional(lstm) if direction == "both" else lstm)(x)
        x = keras.layers.Dropout(dropout)(x)
    if reader_units:
        lstm = LSTM(reader_units, return_sequences=pooling != "last", name="reader")
        x = keras.layers.Dropout(dropout)(keras.layers.Bidirectional(lstm)(x))
    if pooling != "last":
        x = MaskedPooling(pooling)(x)
    logits = keras.layers.Dense(num_classes, name="logits")(x)
    if bag_of_words:
        words = BagOfWords(trained_tokens, num_classes, name="bag_of_words")(token_ids)
        logits = keras.layers.Add(name="sum")([logits, words])
    return keras.Model(token_ids, logits, name="sentiment")
