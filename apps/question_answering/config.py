"""Settings and defaults of a question answering recipe."""

from typing import Literal

from pydantic.dataclasses import dataclass

from apps.common import config
from apps.common.config import STRICT, Count, Fraction, Positive
from apps.common.data.vectors import GLOVE
from apps.common.search import ACCURACY, Choices, Range, sizes_around, training_space

MONITOR = ACCURACY

PASSAGES = ("squad", "files")  # an answer is a span of the text, else a class


@dataclass(frozen=True, config=STRICT)
class DataConfig(config.OwnRows):
    """Selects questions with their contexts and sets how they become token ids.

    Attributes:
        dataset: Data set to read. "stories" generates stories; "babi" reads bAbI's
            files; "squad" is SQuAD 1.1; "files" reads your own files in SQuAD's format.
        directory: For "babi": folder of the files, such as `tasks_1-20_v1-2/en`. For
            "files": folder with train.json, of whose articles 10% are the validation
            split, and validation.json, the test split.
        tasks: For "babi": task numbers such as "1,2,15"; "all" reads all tasks that
            have both a train and a test file.
        stories: For "stories": number of training stories. The validation split has
            10% of this number, the test split 20%.
        gap: For "stories": mean number of distractor sentences between a story and its
            question.
        file: For "files" without `directory`: path of one JSON file, of whose articles
            10% are the validation split and 10% the test split.
        sentences: For "stories" and "babi": maximum number of sentences of a story; of
            a longer story the first ones are cut off.
        context_tokens: For "squad" and "files": maximum number of tokens of a passage
            in training; later tokens are cut off. Questions whose answer lies beyond
            are skipped.
        vocabulary_size: Maximum number of tokens in the vocabulary, the most frequent
            ones of the training texts; all others are unknown.
        min_count: Minimum number of occurrences in the training texts; rarer tokens are
            unknown.
        vectors: Pretrained word vectors that initialize the embedding; "random" uses
            none.
        vector_words: Number of the most frequent words with a pretrained vector that
            the vocabulary also contains; 0 adds none. A word that is absent from the
            training texts keeps its vector.
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
    """Sets the arguments of `build_model`.

    Attributes:
        embedding_dim: Size of a token's vector.
        embedding_dropout: Fraction of the embedding's features dropped in training, the
            same for all tokens of a question, a passage or a story's sentence.
        units: Units of each LSTM.
        num_layers: Number of bidirectional LSTM layers, over the sentences of a story
            or the tokens of a passage.
        dropout: Fraction dropped in training before each of these layers and before
            the logits.
        hops: For "stories" and "babi": number of attention hops over the sentences.
    """

    embedding_dim: Positive = 32
    embedding_dropout: Fraction = 0.1
    units: Positive = 64
    num_layers: Positive = 1
    dropout: Fraction = 0.1
    hops: Positive = 3


TrainConfig = config.with_defaults(
    config.ClippedTrainConfig, epochs=10, patience=10, learning_rate=0.003
)


@dataclass(frozen=True, config=STRICT)
class Config:
    """A question answering recipe.

    Attributes:
        data: Stories or passages with their questions.
        model: The reader, with attention hops for stories.
        train: Optimizer, batches, clipping.
    """

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()

    def __post_init__(self):
        """Raises ValueError for settings that exclude each other."""
        config.check_vector_words(self.data)


def search_space(config):
    """Returns what `tune` searches: a `Range` or `Choices` by `section.key`.

    The embedding's size is left out beside pretrained vectors, and hops for passages.
    """
    space = {
        **training_space(config.train),
        "model.embedding_dropout": Range(0.0, 0.5),
        "model.units": sizes_around(config.model.units),
        "model.num_layers": Choices((1, 2, 3)),
        "model.dropout": Range(0.0, 0.6),
    }
    if config.data.vectors == "random":
        space["model.embedding_dim"] = sizes_around(config.model.embedding_dim)
    if config.data.dataset not in PASSAGES:
        space["model.hops"] = Choices((1, 2, 3))
    return space
