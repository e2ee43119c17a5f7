"""What a question answering recipe can say; the defaults live here and nowhere else."""

from typing import Literal

from pydantic.dataclasses import dataclass

from apps.common import config
from apps.common.config import STRICT, Count, Fraction, Positive, Rate
from apps.common.data.vectors import GLOVE

PASSAGES = ("squad", "files")  # answers are cut from the text; else they are classes


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """Where questions come from, and how they become token ids.

    Attributes:
        dataset: "stories" are made here; "babi" is a folder of bAbI's files; "squad" is
            SQuAD 1.1; "files" is your own in SQuAD's format.
        directory: For "babi": the folder of the files, such as `tasks_1-20_v1-2/en`.
            For "files": a folder with train.json, of which a tenth of the articles
            validates, and validation.json, which is measured.
        tasks: For "babi": "all" that have both files, or numbers such as "1,2,15".
        stories: For "stories": number of those in training; a tenth as many validate,
            and a fifth as many test.
        gap: For "stories": so many sentences about nothing stand, on average, between
            a story and its question.
        file: For "files": a JSON file by itself; a tenth of its articles validates and
            a tenth is test.
        sentences: For stories: of a longer one the last ones are read.
        context_tokens: For passages: of a longer one the first tokens are read in
            training.
        vocabulary_size: At most so many tokens of the training texts get an id.
        min_count: Rarer tokens are unknown.
        vectors: "random", or the name of pretrained word vectors.
        vector_words: So many of the most frequent words that have a pretrained vector
            are known as well.
    """

    dataset: Literal["stories", "babi", "squad", "files"] = "stories"
    directory: str = ""
    tasks: str = "all"
    stories: Positive = 8000
    gap: Count = 2
    file: str = ""
    sentences: Positive = 64
    context_tokens: Positive = 400
    vocabulary_size: Positive = 30000
    min_count: Positive = 1
    vectors: Literal["random", GLOVE] = "random"
    vector_words: Count = 0


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """The arguments of `build_model`."""

    embedding_dim: Positive = 32
    embedding_dropout: Fraction = 0.1
    units: Positive = 64
    num_layers: Positive = 1
    dropout: Fraction = 0.1
    hops: Positive = 3


@dataclass(frozen=True, config=STRICT)
class TrainConfig(config.TrainConfig):
    """How the model is trained.

    Attributes:
        clip_norm: Gradients are clipped to this global norm.
    """

    epochs: Positive = 10
    patience: Positive = 10
    learning_rate: Rate = 0.003
    clip_norm: Rate = 2.0


@dataclass(frozen=True, config=STRICT)
class Config:
    """A question answering recipe."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
