"""What a summarization recipe can say; the defaults live here and nowhere else."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from apps.common import config
from apps.common.config import STRICT, Count, Fraction, Positive, Rate, Weight
from apps.common.data.vectors import GLOVE


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """Where documents and their summaries come from, and how they become token ids.

    Attributes:
        dataset: Name of the data set; "files" is your own.
        file: For "files": a JSON Lines file with `document` and `summary`, of which a
            tenth is validation and a tenth test, or a folder with train.jsonl,
            validation.jsonl and test.jsonl. CSV and TSV files will do as well.
        document_column: For "files": key of a document,
        summary_column: and of its summary.
        document_tokens: Of a document so many tokens are read.
        summary_tokens: Longer summaries are cut in training.
        vocabulary_size: At most so many tokens of the training texts get an id.
        min_count: Rarer tokens are unknown: they can be copied, not written.
        vectors: "random", or the name of pretrained word vectors.
    """

    dataset: Literal[
        "wikipedia_descriptions", "aeslc", "cnn_dailymail", "gigaword", "files"
    ] = "wikipedia_descriptions"
    file: str = ""
    document_column: str = "document"
    summary_column: str = "summary"
    document_tokens: Positive = 64
    summary_tokens: Positive = 15
    vocabulary_size: Positive = 8000
    min_count: Positive = 3
    vectors: Literal["random", GLOVE] = "random"


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """The arguments of `build_model`."""

    embedding_dim: Positive = 128
    units: Positive = 128
    embedding_dropout: Fraction = 0.2
    dropout: Fraction = 0.3
    coverage: bool = False


@dataclass(frozen=True, config=STRICT)
class TrainConfig(config.TrainConfig):
    """How the model is trained.

    Attributes:
        clip_norm: Gradients are clipped to this global norm.
        coverage_weight: Weight of the penalty on attending twice to a place (See et al.
            2017); needs `model.coverage`.
    """

    epochs: Positive = 6
    learning_rate: Rate = 0.002
    clip_norm: Rate = 2.0
    coverage_weight: Weight = 0.0


@dataclass(frozen=True, config=STRICT)
class DecodeConfig:
    """How a summary is searched for; see `decode.Search`."""

    beam: Annotated[int, Field(ge=1, le=50)] = 4
    max_length: Count = 16
    min_length: Count = 1
    length_penalty: Weight = 1.0
    block_ngrams: Count = 2


@dataclass(frozen=True, config=STRICT)
class Config:
    """A summarization recipe."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    decode: DecodeConfig = DecodeConfig()

    def __post_init__(self):
        """Refuses settings that exclude each other."""
        if self.train.coverage_weight and not self.model.coverage:
            raise ValueError(
                "train.coverage_weight: needs model.coverage=true. Received: "
                f"{self.train.coverage_weight:g} without it."
            )
