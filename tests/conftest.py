"""Settings of all tests: a quiet TensorFlow, a fixed seed, and temporary caches.

No test needs a network: small archives replace the packages from pip
(package_fixtures.py). All tests of an app share the same trained runs.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "agg"
os.environ["CAROUSEL_XLA"] = "0"  # tests about XLA set it themselves

import csv
import functools
import gc

import keras
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

from lstm_layer import kernel, schedule
from tests.trained_runs import run_fixtures

pytest_plugins = [
    "tests.once",
    "tests.package_fixtures",
    "tests.speech_fixtures",
    "tests.summarization_fixtures",
    "tests.question_fixtures",
]

# Keras then treats `jit_compile="auto"` as False.
keras.src.trainers.trainer.model_supports_jit = lambda model: False
# For small graphs TensorFlow's graph optimizer takes longer than it saves.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
# Each operation records its Python stack, which is deep under pytest: without it
# tracing takes a sixth less time.
ops._create_c_op = functools.partial(ops._create_c_op, extract_traceback=False)

collect_ignore = ["pinned"]  # only for other processes


@pytest.fixture(autouse=True, scope="session")
def _little_garbage():
    """Makes garbage collection rare; it skips objects that exist at the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture(autouse=True, scope="module")
def _graphs_are_let_go():
    """Frees cached graphs after each module; otherwise a process grows by gigabytes.

    These are the graphs that layers share, and those that TensorFlow keeps: each call
    of a function with a custom gradient registers the gradient, and with it the graph.
    """
    yield
    gradients = ops.gradient_registry._registry
    for name in [name for name in gradients if name.startswith("CustomGradient-")]:
        del gradients[name]
    for shared in (schedule._graph, schedule._compiled_graph, kernel._compiled):
        shared.cache_clear()


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(7)


@pytest.fixture(autouse=True, scope="session")
def _own_caches(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAROUSEL_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("datasets")))
        patch.delenv("CAROUSEL_DEBUG", raising=False)
        yield


@pytest.fixture(scope="session")
def reviews_csv(make_reviews, once):
    """A user's file of 200 reviews with the columns text and label."""

    def make(directory):
        directory.mkdir()
        path = directory / "reviews.csv"
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows(make_reviews(200))

    return once("reviews", make) / "reviews.csv"


@pytest.fixture(scope="session")
def sentiment_config(reviews_csv):
    """A sentiment recipe that trains in seconds."""
    from apps.sentiment import config

    return config.Config(
        data=config.DataConfig(dataset="files", file=str(reviews_csv)),
        model=config.ModelConfig(units=4),
        train=config.TrainConfig(epochs=3, batch_size=8, learning_rate=0.02),
    )


trained_run, finished_run = run_fixtures("sentiment", "sentiment_config")


@pytest.fixture(scope="session")
def book(make_reviews, once):
    """A user's text file of 400 lines."""

    def make(directory):
        directory.mkdir()
        lines = [f"{text} . \n" for text, _ in make_reviews(400)]
        (directory / "book.txt").write_text("".join(lines), encoding="utf-8")

    return once("books", make) / "book.txt"


@pytest.fixture(scope="session")
def language_config(book):
    """A language modelling recipe that trains in seconds."""
    from apps.language_modeling import config

    return config.Config(
        data=config.DataConfig(dataset="files", file=str(book)),
        model=config.ModelConfig(
            embedding_dim=4,
            units=6,
            num_layers=2,
            embedding_dropout=0.1,
            input_dropout=0.1,
            hidden_dropout=0.1,
            output_dropout=0.1,
            weight_drop=0.1,
            activation_penalty=1.0,
            change_penalty=1.0,
        ),
        train=config.TrainConfig(
            epochs=2,
            batch_size=4,
            window=10,
            learning_rate=0.01,
            evaluations_per_epoch=2,
        ),
        evaluation=config.EvaluationConfig(dynamic=True, cache=True),
    )


language_run, finished_language_run = run_fixtures(
    "language_modeling", "language_config"
)
