"""What a language modelling recipe can say; the defaults live here and nowhere else."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from apps.common import config
from apps.common.config import STRICT, Count, Fraction, Positive, Rate, Weight


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """Where the text comes from, and how it becomes token ids.

    Attributes:
        dataset: Name of the data set; "files" is your own text.
        directory: For "ptb": the folder with ptb.train.txt, ptb.valid.txt and
            ptb.test.txt.
        file: For "files": a text file, a pattern such as "books/*.txt", or a folder
            with train.txt, validation.txt and test.txt.
        tokens: "words" are lower-case words and marks; "spaces" splits a text that is
            tokenized already; "characters" takes every character.
        vocabulary_size: At most so many tokens of the training text get an id.
        min_count: Rarer tokens are unknown. With 1 and a small text no token is, and
            the model never learns what to make of an unknown one.
    """

    dataset: Literal[
        "wikipedia", "ptb", "tiny_shakespeare", "imdb_reviews", "files"
    ] = "wikipedia"
    directory: str = ""
    file: str = ""
    tokens: Literal["words", "spaces", "characters"] = "words"
    vocabulary_size: Positive = 10000
    min_count: Positive = 2


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """The arguments of `build_model`.

    Attributes:
        softmax_dtype: Type of the logits in training, the most expensive part of a
            step. "bfloat16" is faster where a processor multiplies it (AMX, AVX-512
            BF16; look at `lscpu`), and slower elsewhere.
    """

    embedding_dim: Positive = 128
    units: Positive = 128
    num_layers: Positive = 1
    embedding_dropout: Fraction = 0.0
    input_dropout: Fraction = 0.0
    hidden_dropout: Fraction = 0.0
    output_dropout: Fraction = 0.0
    weight_drop: Fraction = 0.0
    activation_penalty: Weight = 0.0
    change_penalty: Weight = 0.0
    softmax_dtype: Literal["float32", "bfloat16"] = "float32"


@dataclass(frozen=True, config=STRICT)
class TrainConfig(config.TrainConfig):
    """How the model is trained.

    Attributes:
        batch_size: Streams of text that are read side by side.
        window: Mean number of timesteps through which a gradient flows; each window
            has one of four lengths, from 0.7 to 1.3 times the mean (Merity et al. 2018
            draw it from a normal distribution).
        sampled_tokens: Number of tokens, drawn for each batch, that stand for the
            vocabulary in the training loss; 0 takes the whole vocabulary.
        clip_norm: Gradients are clipped to this global norm.
    """

    epochs: Positive = 4
    learning_rate: Rate = 0.004
    window: Annotated[int, Field(ge=4)] = 32
    sampled_tokens: Count = 0
    clip_norm: Rate = 1.0


@dataclass(frozen=True, config=STRICT)
class EvaluationConfig:
    """What is measured beside the static model; settings are tuned on validation.

    Attributes:
        dynamic: Whether to go on learning from the test text itself, each window after
            it has been predicted (Krause et al. 2018).
        cache: Whether to mix in a memory of past hidden states (Grave et al. 2017).
    """

    dynamic: bool = False
    cache: bool = False


@dataclass(frozen=True, config=STRICT)
class Config:
    """A language modelling recipe."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
