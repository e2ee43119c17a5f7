"""Settings and defaults of a language modelling recipe."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from apps.common import config
from apps.common.choices import AUTO
from apps.common.config import STRICT, Count, Fraction, Positive, Weight
from apps.common.search import LOSS, Range, sizes_around, training_space

MONITOR = LOSS


@dataclass(frozen=True, config=STRICT)
class DataConfig(config.OwnTexts):
    """Selects the text and sets how it becomes token ids.

    Attributes:
        dataset: Data set to read; "files" reads your own text.
        directory: For "ptb": folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt.
        file: For "files": path of a text file, a pattern such as "books/*.txt", or a
            folder with train.txt, validation.txt and test.txt. Without a folder the
            last 10% of the text is the test split, and the 10% before it validation.
        tokens: Tokenization. "words" splits into lower-case words, numbers and
            punctuation; "spaces" splits a tokenized text at white space; "characters"
            makes each character a token.
        vocabulary_size: Maximum number of tokens in the vocabulary, the most frequent
            ones of the training text; all others are unknown.
        min_count: Minimum number of occurrences in the training text; rarer tokens are
            unknown. With 1 the training text may have no unknown token, and the model
            never learns to predict after one.
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
    """Sets the arguments of `build_model`.

    Attributes:
        cell: "lstm", or "simple": a simple recurrent network, h_t = tanh(x_t W +
            h_{t-1} U + b), to compare with. It has no gates: `explain` refuses it, and
            `export` writes neither `onnx/` nor `litert/`.
        embedding_dim: Size of a token's vector, and units of the last LSTM, since
            embedding and softmax share their weights.
        units: Units of each LSTM but the last.
        num_layers: Number of LSTM layers.
        embedding_dropout: Fraction of the vocabulary's tokens whose vectors are dropped
            in training, at all their occurrences in a batch.
        input_dropout: Fraction of the embedding's features dropped in training, the
            same at all timesteps.
        hidden_dropout: Fraction of the features between LSTMs dropped in training, the
            same at all timesteps.
        output_dropout: Fraction of the last LSTM's features dropped in training, the
            same at all timesteps.
        weight_drop: Fraction of each LSTM's recurrent kernel dropped in training
            (Merity et al. 2018). With `cell` "simple" it must be 0.
        activation_penalty: Weight of activation regularization (AR), a penalty on the
            mean square of the last LSTM's dropped outputs; 0 disables it.
        change_penalty: Weight of temporal activation regularization (TAR), a penalty on
            the mean squared difference of successive outputs; 0 disables it.
        softmax_dtype: Data type in which training computes the softmax, the most
            expensive part of a step. "bfloat16" is faster if `lscpu` shows amx_bf16,
            or avx512_bf16 on a processor of AMD, and slower on others. "auto" chooses
            when the run is created; its config.yaml keeps the choice.
    """

    cell: Literal["lstm", "simple"] = "lstm"
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
    softmax_dtype: Literal["auto", "float32", "bfloat16"] = AUTO

    def __post_init__(self):
        """Raises ValueError if weights of a simple network are to be dropped."""
        if self.cell == "simple" and self.weight_drop:
            raise ValueError(
                "model.weight_drop: expected 0 with model.cell=simple, since only the "
                "LSTM drops recurrent weights. Set model.weight_drop=0, or "
                f"model.cell=lstm. Received: {self.weight_drop}."
            )


@dataclass(frozen=True, config=STRICT)
class TrainConfig(
    config.with_defaults(
        config.ClippedTrainConfig, epochs=4, learning_rate=0.004, clip_norm=1.0
    )
):
    """Sets up training by truncated backpropagation through time.

    Attributes:
        batch_size: Number of streams of text that are read in parallel.
        window: Mean number of timesteps of truncated backpropagation. Each window has
            one of four lengths, from 0.7 to 1.3 times the mean (Merity et al. 2018 draw
            it from a normal distribution).
        sampled_tokens: Sampled softmax: number of tokens drawn per batch to estimate
            the training loss; 0 computes it over the whole vocabulary. Faster with some
            20,000 tokens or more, at a higher perplexity (docs/speed.md).
    """

    window: Annotated[int, Field(ge=4)] = 32
    sampled_tokens: Count = 0


@dataclass(frozen=True, config=STRICT)
class EvaluationConfig:
    """Adds measurements to `evaluate`; each is tuned on the validation split.

    Attributes:
        dynamic: Whether to measure dynamic evaluation too: after each predicted window
            of the test text the weights are updated on it (Krause et al. 2018).
        cache: Whether to measure the neural cache too: a probability from the tokens
            that followed similar hidden states is mixed in (Grave et al. 2017).
    """

    dynamic: bool = False
    cache: bool = False


@dataclass(frozen=True, config=STRICT)
class Config:
    """A language modelling recipe.

    Attributes:
        data: The running text, and how it is cut into tokens.
        model: The LSTM language model, with its dropout and penalties.
        train: Optimizer, windows, streams and sampled softmax.
        evaluation: What is measured beside the static model.
    """

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    evaluation: EvaluationConfig = EvaluationConfig()


def search_space(config):
    """Returns what `tune` searches: a `Range` or `Choices` by `section.key`.

    `model.units` and `model.hidden_dropout` are left out of a model of one layer, in
    which they have no effect, and `model.weight_drop` of a simple network.
    """
    model = config.model
    space = {
        **training_space(config.train),
        "model.embedding_dim": sizes_around(model.embedding_dim),
        "model.embedding_dropout": Range(0.0, 0.3),
        "model.input_dropout": Range(0.0, 0.5),
        "model.output_dropout": Range(0.0, 0.5),
    }
    if model.num_layers > 1:
        space["model.units"] = sizes_around(model.units)
        space["model.hidden_dropout"] = Range(0.0, 0.5)
    if model.cell == "lstm":
        space["model.weight_drop"] = Range(0.0, 0.5)
    return space
