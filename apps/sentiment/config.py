"""Settings and defaults of a sentiment recipe."""

from typing import Annotated, Literal

from pydantic.dataclasses import dataclass

from apps.common import config
from apps.common.choices import AUTO
from apps.common.config import OR_AUTO, STRICT, Count, Fraction, Positive, Rate
from apps.common.search import ACCURACY, Choices, Range, sizes_around, training_space

MONITOR = ACCURACY


@dataclass(frozen=True, config=STRICT)
class DataConfig(config.OwnRows):
    """Selects labelled texts and sets how they become token ids.

    Attributes:
        dataset: Data set to read; "files" reads your own file.
        file: For "files": path of a CSV, TSV or JSON Lines file with a text and a label
            column, of which 10% are the validation split.
        test_file: For "files": path of the file of the test split; empty takes 10% of
            `file`.
        text_column: For "files": name of the text column.
        label_column: For "files": name of the label column.
        max_length: Maximum number of tokens of a text; later tokens are cut off. "auto"
            chooses a number that 95% of the training texts do not exceed, at most 512.
        vocabulary_size: Maximum number of tokens in the vocabulary, the most frequent
            ones of the training texts; all others are unknown.
        min_count: Minimum number of occurrences in the training texts; rarer tokens are
            unknown.
        labelled: Number of training texts to keep, a fixed sample by the texts' hashes;
            0 keeps all.
        vectors: Pretrained word vectors that initialize the embedding; "random" uses
            none. "auto" takes GloVe's where the training texts are English.
        vector_words: Number of the most frequent words with a pretrained vector that
            the vocabulary also contains; 0 adds none. A word that is absent from the
            training texts keeps its vector. "auto" adds 100,000 to GloVe's vectors.
    """

    dataset: Literal["movie_snippets", "imdb_reviews", "sst2", "files"] = (
        "movie_snippets"
    )
    file: str = ""
    test_file: str = ""
    text_column: str = "text"
    label_column: str = "label"
    max_length: Annotated[Positive, OR_AUTO] = 256
    vocabulary_size: Positive = 20000
    min_count: Positive = 1
    labelled: Count = 0
    vectors: Literal["auto", "random", "glove_6b_50d"] = "random"
    vector_words: Annotated[Count, OR_AUTO] = 0


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """Sets the arguments of `build_model`, and the run that initializes its weights.

    Attributes:
        pretrained: Run directory of a language model whose vocabulary, embedding and
            LSTMs are loaded (Dai and Le 2015); empty trains from random weights. The
            sizes of embedding and LSTMs must match, `direction` must be "forward", and
            `data.vocabulary_size` and `data.min_count` have no effect.
        embedding_dim: Size of a token's vector.
        embedding_dropout: Fraction of the embedding's features dropped in training, the
            same for all tokens of a text.
        units: Units of each LSTM.
        num_layers: Number of LSTM layers.
        direction: "forward" has one LSTM per layer; "both" adds one that reads
            backward.
        reader_units: Units of each LSTM of one more bidirectional layer after the
            others; 0 adds no layer.
        dropout: Fraction dropped in training after each layer and before the logits.
        pooling: Turns the last layer's outputs into one vector: the output at the last
            timestep, the mean or the maximum over time, or attention.
        bag_of_words: Whether to add to the logits those of a logistic regression on the
            TF-IDF of the tokens. It is fitted after training; the validation split
            gives the weights of both.
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
    bag_of_words: bool = False


@dataclass(frozen=True, config=STRICT)
class TrainConfig(config.TrainConfig):
    """How a model is trained; "auto" is chosen by the number of training texts.

    Attributes:
        epochs: Maximum number of passes over the training data, or "auto".
        patience: Early stopping: number of evaluations without a better validation
            score after which training stops, or "auto".
        batch_size: Examples per step, or "auto".
        learning_rate: Highest learning rate, or "auto". It rises over at most the first
            half epoch and then falls along a cosine to zero over all epochs.
        average_momentum: Momentum of the moving average of the weights that is
            evaluated and kept, or "auto"; 0 keeps the weights of the last step.
    """

    epochs: Annotated[Positive, OR_AUTO] = 8
    patience: Annotated[Positive, OR_AUTO] = 3
    batch_size: Annotated[Positive, OR_AUTO] = 32
    learning_rate: Annotated[Rate, OR_AUTO] = 0.001
    average_momentum: Annotated[Fraction, OR_AUTO] = 0.99


@dataclass(frozen=True, config=STRICT)
class Config:
    """A sentiment recipe.

    Attributes:
        data: The labelled texts, and how they become token ids.
        model: The bidirectional or pretrained LSTM reader and its pooling.
        train: Optimizer, batches and early stopping.
    """

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()

    def __post_init__(self):
        """Raises ValueError for settings that exclude each other."""
        if not self.model.pretrained:
            if self.data.vector_words != AUTO:
                config.check_vector_words(self.data)
            return
        if self.model.direction != "forward":
            raise ValueError(
                "model.pretrained: a language model reads forward only. Set "
                f"model.direction=forward. Received: {self.model.direction}."
            )
        if {self.data.vectors, self.data.vector_words} - {"random", 0, AUTO}:
            raise ValueError(
                "data.vectors: words and vectors come from model.pretrained. Set "
                "data.vectors=random data.vector_words=0. Received: "
                f"{self.data.vectors} and {self.data.vector_words}."
            )


def search_space(config):
    """Returns what `tune` searches: a `Range` or `Choices` by `section.key`.

    Sizes that a language model or pretrained vectors set are left out.

    Args:
        config: A `Config` without settings that are "auto".
    """
    model = config.model
    space = {
        **training_space(config.train),
        "model.embedding_dropout": Range(0.0, 0.6),
        "model.dropout": Range(0.0, 0.7),
        "model.pooling": Choices(("last", "mean", "max", "attention")),
    }
    if model.reader_units:
        space["model.reader_units"] = sizes_around(model.reader_units)
    if not model.pretrained:
        space["model.units"] = sizes_around(model.units)
        space["model.num_layers"] = Choices((1, 2))
        if config.data.vectors == "random":
            space["model.embedding_dim"] = sizes_around(model.embedding_dim)
    return space
