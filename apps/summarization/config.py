"""Settings and defaults of a summarization recipe."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from apps.common import config
from apps.common.config import STRICT, Count, Fraction, Positive, Weight
from apps.common.data.vectors import GLOVE
from apps.common.search import LOSS, Range, sizes_around, training_space

MONITOR = LOSS


@dataclass(frozen=True, config=STRICT)
class DataConfig(config.OwnRows):
    """Selects documents with their summaries and sets how they become token ids.

    Attributes:
        dataset: Data set to read; "files" reads your own files.
        file: For "files": path of a JSON Lines, CSV or TSV file with a document and a
            summary column, or of a folder with train.jsonl, validation.jsonl and
            test.jsonl. Of one file 10% are the validation and 10% the test split.
        document_column: For "files": name of the document column or key.
        summary_column: For "files": name of the summary column or key.
        document_tokens: Maximum number of tokens of a document; later tokens are cut
            off.
        summary_tokens: Maximum number of tokens of a summary in training; later tokens
            are cut off.
        vocabulary_size: Maximum number of tokens in the vocabulary, the most frequent
            ones of the training texts; all others are unknown.
        min_count: Minimum number of occurrences in the training texts; rarer tokens are
            unknown, and can be copied from the document but not generated.
        vectors: Pretrained word vectors that initialize the embedding; "random" uses
            none.
    """

    dataset: Literal[
        "wikipedia_descriptions", "aeslc", "cnn_dailymail", "gigaword", "files"
    ] = "wikipedia_descriptions"
    file: str = ""
    document_column: str = "document"
    document_tokens: Positive = 64
    summary_column: str = "summary"
    summary_tokens: Positive = 15
    vocabulary_size: Positive = 8000
    min_count: Positive = 3
    vectors: Literal["random", GLOVE] = "random"


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """Sets the arguments of `build_model`.

    Attributes:
        embedding_dim: Size of a token's vector, shared by encoder, decoder and softmax.
        units: Units of the decoder, and of each of the encoder's two LSTMs.
        embedding_dropout: Fraction of the embedding's features dropped in training, the
            same for all tokens of a text.
        dropout: Fraction of the encoder's outputs and of the decoder's features dropped
            in training.
        coverage: Whether attention depends on the sum of the attention at earlier
            steps, which reduces repetition (See et al. 2017).
    """

    embedding_dim: Positive = 128
    units: Positive = 128
    embedding_dropout: Fraction = 0.2
    dropout: Fraction = 0.3
    coverage: bool = False


@dataclass(frozen=True, config=STRICT)
class TrainConfig(
    config.with_defaults(config.ClippedTrainConfig, epochs=6, learning_rate=0.002)
):
    """Sets up training.

    Attributes:
        coverage_weight: Weight of the coverage loss, a penalty on attending repeatedly
            to a token (See et al. 2017); needs `model.coverage`, and 0 disables it.
    """

    coverage_weight: Weight = 0.0


@dataclass(frozen=True, config=STRICT)
class DecodeConfig:
    """Sets the beam search that `decode.search` runs.

    Attributes:
        beam: Number of hypotheses that are kept at each step; 1 is greedy search.
        max_length: Maximum number of tokens of a summary.
        min_length: Minimum number of tokens of a summary.
        length_penalty: Exponent of the length normalization of scores (Wu et al. 2016);
            0 disables it, which favours short summaries.
        block_ngrams: Length of the n-grams that a summary may not repeat; 0 allows
            all repetition.
    """

    beam: Annotated[int, Field(ge=1, le=50)] = 4
    max_length: Count = 16
    min_length: Count = 1
    length_penalty: Weight = 1.0
    block_ngrams: Count = 2


@dataclass(frozen=True, config=STRICT)
class Config:
    """A summarization recipe.

    Attributes:
        data: Pairs of a document and a summary.
        model: The pointer-generator: encoder, attention, decoder, optional coverage.
        train: Optimizer, clipping and the weight of the coverage loss.
        decode: The beam search that writes a summary.
    """

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    decode: DecodeConfig = DecodeConfig()

    def __post_init__(self):
        """Raises ValueError for settings that exclude each other."""
        if self.train.coverage_weight and not self.model.coverage:
            raise ValueError(
                "train.coverage_weight: needs model.coverage. Set model.coverage=true. "
                f"Received: {self.train.coverage_weight:g}."
            )


def search_space(config):
    """Returns what `tune` searches: a `Range` or `Choices` by `section.key`.

    The embedding's size is left out beside pretrained vectors. The beam search is not
    searched: no validation loss depends on it.
    """
    space = {
        **training_space(config.train),
        "model.units": sizes_around(config.model.units),
        "model.embedding_dropout": Range(0.0, 0.5),
        "model.dropout": Range(0.0, 0.6),
    }
    if config.data.vectors == "random":
        space["model.embedding_dim"] = sizes_around(config.model.embedding_dim)
    return space
