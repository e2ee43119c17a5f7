"""What a sentiment recipe can say; the defaults live here and nowhere else."""

from typing import Literal

from pydantic.dataclasses import dataclass

from apps.common import config
from apps.common.config import STRICT, Count, Fraction, Positive


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """Where the labelled texts come from, and how they become token ids.

    Attributes:
        dataset: Name of the data set; "files" is your own.
        file: For "files": a CSV, TSV or JSON Lines file with a text and a label column.
        test_file: For "files": the reported split; without it, a tenth of `file`.
        text_column: Name of the column with the text.
        label_column: Name of the column with the label.
        max_length: Tokens of a text after so many are left out.
        vocabulary_size: At most so many tokens of the training texts get an id.
        min_count: Rarer tokens are unknown.
        labelled: So many of the training texts are kept, drawn by their hash; 0 keeps
            all.
        vectors: Pretrained word vectors that the embedding starts from; "random" is
            none.
        vector_words: So many of the most frequent words that have a pretrained vector
            get an id as well; those that the training texts do not have keep it.
    """

    dataset: Literal["movie_snippets", "imdb_reviews", "sst2", "files"] = (
        "movie_snippets"
    )
    file: str = ""
    test_file: str = ""
    text_column: str = "text"
    label_column: str = "label"
    max_length: Positive = 256
    vocabulary_size: Positive = 20000
    min_count: Positive = 1
    labelled: Count = 0
    vectors: Literal["random", "glove_6b_50d"] = "random"
    vector_words: Count = 0


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """The arguments of `build_model`, and what its weights begin with.

    Attributes:
        pretrained: Run directory of a language model whose vocabulary, embedding and
            LSTMs the model takes over (Dai and Le 2015), which are of the same sizes
            then; it reads forward, and `data.vocabulary_size` and `data.min_count` say
            nothing.
    """

    pretrained: str = ""
    embedding_dim: Positive = 50
    embedding_dropout: Fraction = 0.3
    units: Positive = 64
    num_layers: Positive = 1
    direction: Literal["both", "forward"] = "both"
    reader_units: Count = 0
    dropout: Fraction = 0.5
    pooling: Literal["last", "mean", "max", "attention"] = "max"


@dataclass(frozen=True, config=STRICT)
class TrainConfig(config.TrainConfig):
    """How the model is trained."""

    patience: Positive = 3


@dataclass(frozen=True, config=STRICT)
class Config:
    """A sentiment recipe."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()

    def __post_init__(self):
        """Refuses settings that exclude each other."""
        if not self.model.pretrained:
            return
        if self.model.direction != "forward":
            raise ValueError(
                "model.pretrained: a language model reads forward. Take "
                f"model.direction=forward. Received: {self.model.direction}."
            )
        if self.data.vectors != "random" or self.data.vector_words:
            raise ValueError(
                "data.vectors: words and vectors are those of model.pretrained. Take "
                "data.vectors=random data.vector_words=0. Received: "
                f"{self.data.vectors} and {self.data.vector_words}."
            )
